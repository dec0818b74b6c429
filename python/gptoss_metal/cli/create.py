"""``gptoss-metal create``: a name of one's own for a model with defaults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.preset import Preset

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "seed", "repetition_penalty", "stop")


@click.command()
@click.argument("name")
@click.option("--from", "base", metavar="MODEL", help="What it is made from.")
@click.option("--file", "file", type=click.Path(), help="An Ollama Modelfile.")
@click.option("--system", help="Instructions for the model.")
@click.option("--reasoning-effort", type=click.Choice(["low", "medium", "high"]))
@click.option("--num-ctx", type=int, help="Tokens of prompt and answer together.")
@click.option("--max-tokens", type=int, help="The most to generate, reasoning included.")
@click.option("--temperature", type=float, help="0 is greedy.")
@click.option("--top-p", type=float, help="Above 0, to 1.")
@click.option("--top-k", type=int, help="0 for all tokens.")
@click.option("--min-p", type=float, help="0 to 1.")
@click.option("--seed", type=int, help="Same seed, same answer.")
@click.option("--repetition-penalty", type=float, help="1 for none.")
@click.option("--stop", multiple=True, help="Ends the answer; may be repeated.")
@click.option("--overwrite", is_flag=True, help="Replace the alias if it exists.")
def create(name: str, base: str | None, file: str | None, overwrite: bool, **options: Any) -> None:
    """Give a model a NAME of your own, with defaults for its turns.

    The name works wherever a model's name does: in chat, generate, serve, Model.load, and for
    every client of a server that serves the model. Prints the path of the alias.
    """
    from gptoss_metal import aliases, store

    preset = _start(store.alias_file(name).stem, base, file)
    given = {key: value for key, value in options.items() if value not in (None, ())}
    sampling = {key: given.pop(key) for key in SAMPLING if key in given}
    preset = replace(preset, **given, sampling={**preset.sampling, **sampling})
    path = aliases.save(preset, overwrite=overwrite)
    for note in preset.notes:
        click.echo(f"[modelfile] {note}", err=True)
    click.echo(path)


def _start(name: str, base: str | None, file: str | None) -> Preset:
    from gptoss_metal import modelfile, store
    from gptoss_metal.preset import Preset

    if base is None and file is None:
        raise Error(f"[create] no model to make {name} from. Try: --from, or --file Modelfile.")
    if base is not None and not store.is_name(base):
        base = str(Path(base).expanduser().resolve())
    if file is None:
        return Preset(name, base or "")
    found = modelfile.read_file(file, name)
    return found if base is None else replace(found, base=base)
