"""``gptoss-metal list`` and ``rm``: the names of models and aliases."""

from __future__ import annotations

import json
from typing import Any

import click

from gptoss_metal.errors import Error


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def list_names(as_json: bool) -> None:
    """List the models of the store, and the aliases."""
    rows = [*_models(), *_aliases()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("no models. Try: gptoss-metal convert openai/gpt-oss-20b", err=True)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:{width}}  {_told(row)}")


@click.command("rm")
@click.argument("name")
def remove_alias(name: str) -> None:
    """Remove the alias NAME; the model it stands for stays."""
    from gptoss_metal import aliases

    aliases.remove(name)


def _models() -> list[dict[str, Any]]:
    from gptoss_metal import store

    files = sorted(store.model_file("x").parent.glob(f"*{store.SUFFIX}"))
    return [
        {"name": file.stem, "kind": "model", "path": str(file), "bytes": file.stat().st_size}
        for file in files
    ]


def _aliases() -> list[dict[str, Any]]:
    from gptoss_metal import aliases, store

    rows = []
    for name in aliases.names():
        row = {"name": name, "kind": "alias", "path": str(store.alias_file(name))}
        try:
            preset = aliases.read(name)
            if preset is None:
                continue  # removed just now
            row |= preset.as_json()
            store.find(name)
        except Error as problem:
            row["problem"] = str(problem)
        rows.append(row)
    return rows


def _told(row: dict[str, Any]) -> str:
    if "problem" in row:
        return str(row["problem"])
    if row["kind"] == "model":
        return f"{row['bytes'] / 1e9:.2f} GB"
    own = {**row.get("sampling", {}), **{k: row[k] for k in ("num_ctx", "max_tokens") if k in row}}
    parts = [f"{key} {value}" for key, value in own.items()]
    if "reasoning_effort" in row:
        parts.append(f"{row['reasoning_effort']} effort")
    parts += [key for key in ("system", "messages") if key in row]
    return f"from {row['base']}" + (f": {', '.join(parts)}" if parts else "")
