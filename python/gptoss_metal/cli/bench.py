"""``gptoss-metal bench``: speed, beside what the machine's memory allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gptoss_metal.cli import options as shared
from gptoss_metal.cli.progress import bytes_bar


@click.command()
@click.argument("model", required=False)
@click.option("--shape", type=click.Choice(["20b", "120b"]), help="Random weights of this shape.")
@click.option("--dense", type=click.Choice(["q8", "bf16"]), default="q8", show_default=True)
@click.option("--prompt-tokens", type=click.IntRange(1), default=512, show_default=True)
@click.option("--gen-tokens", type=click.IntRange(1), default=64, show_default=True)
@click.option("--chunk", type=click.IntRange(1), default=512, show_default=True)
@click.option("--keep", is_flag=True, help="Keep the file of random weights for the next time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@shared.model_options
def bench(
    model: str | None,
    shape: str | None,
    dense: str,
    prompt_tokens: int,
    gen_tokens: int,
    chunk: int,
    keep: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure prefill and decode of a MODEL (demo, if none is named), or of a --shape.

    Random weights are written to the store's cache once and deleted after, unless --keep.
    """
    if model is not None and shape is not None:
        what = "give either a MODEL or a --shape"
        raise click.UsageError(what, click.get_current_context())
    from gptoss_metal.benchmark import Plan, measure

    path, made = random_model(shape, dense) if shape else (Path(model or "demo"), False)
    try:
        plan = Plan(prompt_tokens, gen_tokens, chunk, options["context"])
        found = measure(str(path), plan, lambda name: shared.load(name, options))
    finally:
        if made and not keep:
            path.unlink(missing_ok=True)
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        click.echo(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


def random_model(shape: str, dense: str) -> tuple[Path, bool]:
    """A file of random weights in the store's cache, and whether it was made now.

    Raises:
        Error: the disk has no room for it.
    """
    from gptoss_metal import convert
    from gptoss_metal.store import home

    path = home() / "cache" / f"random-{shape}-{dense}.safetensors"
    if path.is_file():
        return path, False
    path.parent.mkdir(parents=True, exist_ok=True)
    with bytes_bar(f"write {path.stem}") as advance:
        convert.write_random_model(path, convert.SHAPES[shape], dense, progress=advance)
    return path, True
