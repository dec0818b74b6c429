"""``gptoss-metal verify``: every byte of a model file against its checksums."""

from __future__ import annotations

import json

import click

from gptoss_metal.cli.progress import bytes_bar


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(model: str, as_json: bool) -> None:
    """Check a model file against its checksums."""
    from gptoss_metal import convert
    from gptoss_metal.store import find

    path = find(model)
    with bytes_bar(f"verify {path.stem}") as advance:
        checked = convert.verify(path, advance)
    if as_json:
        click.echo(json.dumps({"path": str(path), "checked_bytes": checked, "sound": True}))
    else:
        click.echo(f"{path}: sound, {checked} bytes checked")
