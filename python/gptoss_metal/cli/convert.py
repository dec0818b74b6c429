"""``gptoss-metal convert``: a checkpoint becomes a model file."""

from __future__ import annotations

from pathlib import Path

import click

from gptoss_metal.cli.progress import bytes_bar


@click.command()
@click.argument("source")
@click.option("-o", "--output", metavar="TARGET", help="The file to write.")
@click.option("--name", help="Its name in the store; by default the source's own.")
@click.option(
    "--dense",
    type=click.Choice(["q8", "bf16"]),
    default="q8",
    show_default=True,
    help="How weights outside the experts are stored.",
)
@click.option("--tokenizer", metavar="FILE", help="tokenizer.json, if the source has none.")
@click.option("--revision", help="Branch, tag or commit of a repository.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def convert(
    source: str,
    output: str | None,
    name: str | None,
    dense: str,
    tokenizer: str | None,
    revision: str | None,
    overwrite: bool,
) -> None:
    """Convert a gpt-oss checkpoint: a directory, or a repository such as openai/gpt-oss-20b.

    Prints the path of the model file.
    """
    if output is not None and name is not None:
        raise click.UsageError("--name and -o exclude each other", click.get_current_context())
    from gptoss_metal import convert as converter
    from gptoss_metal.store import model_file

    if output is not None:
        target = Path(output).expanduser()
    else:
        target = model_file(name or source_name(source))
        target.parent.mkdir(parents=True, exist_ok=True)
    with bytes_bar(f"convert {target.stem}") as advance:
        path = converter.convert(
            source, target, dense, tokenizer, advance, revision, overwrite=overwrite
        )
    click.echo(path)


def source_name(source: str) -> str:
    """The name a source gives its model: the last part of its path or repository id."""
    path = Path(source).expanduser()
    if not path.is_dir():
        return source.rstrip("/").rsplit("/", 1)[-1]
    path = path.resolve()
    return path.parent.name if path.name == "original" else path.name
