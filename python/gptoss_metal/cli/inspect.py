"""``gptoss-metal inspect``: what a model file holds, from its header alone, and who computes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--tensors", is_flag=True, help="List every tensor.")
def inspect(model: str, as_json: bool, tensors: bool) -> None:
    """Show what a model file holds, and where this machine would compute with it."""
    from gptoss_metal import _core, convert
    from gptoss_metal.store import find

    found = convert.describe(find(model))
    found["backend"] = _core.default_backend()
    found["device"] = _core.metal_device()["name"] if found["backend"] == "metal" else ""
    if not tensors:
        del found["tensors"]
    if as_json:
        click.echo(json.dumps(found))
        return
    from rich.console import Console

    screen = Console(highlight=False, markup=False)
    screen.print(found["path"], soft_wrap=True)
    screen.print(_summary(found))
    _print_tensors(screen, found.get("tensors", []))


def _summary(found: dict[str, Any]) -> Table:
    config, source = found["config"], found["source"]
    rows = {
        "size": f"{found['file_bytes']:,} bytes",
        "parameters": f"{found['parameters']:,}",
        "layers": f"{config['num_hidden_layers']}, window {config['sliding_window']}",
        "experts": f"{config['num_local_experts']}, {config['num_experts_per_tok']} per token",
        "width": f"{config['hidden_size']}, expert {config['intermediate_size']}",
        "query heads": f"{config['num_attention_heads']}",
        "key/value heads": f"{config['num_key_value_heads']}",
        "vocabulary": f"{config['vocab_size']}" + ("" if found["vocabulary"] else ", ids only"),
        "context": f"{config['max_position_embeddings']}",
        "dense weights": config["dense"],
        "source": f"{source.get('repo') or source.get('path')} ({source.get('kind')})",
    }
    rows["computes here"] = found["backend"] + (found["device"] and f" ({found['device']})")
    rows |= {part: f"{size:,} bytes" for part, size in found["bytes_by_group"].items()}
    return _table(rows)


def _table(rows: dict[str, str]) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _print_tensors(screen: Console, tensors: list[dict[str, Any]]) -> None:
    for tensor in tensors:
        shape = ", ".join(str(n) for n in tensor["shape"])
        line = f"{tensor['name']}  {tensor['dtype']} [{shape}]  at {tensor['offset']}"
        screen.print(f"{line}, {tensor['bytes']} bytes", soft_wrap=True)
