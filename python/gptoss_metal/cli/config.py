"""``gptoss-metal config``: points a client at the server."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.clients.setup import Client, Setup


@click.command()
@click.argument("client", required=False)
@click.option("--url", help="Of the server.  [default: http://127.0.0.1:8080]")
@click.option("--model", help="As the server names it; its first by default.")
@click.option("--api-key", envvar="GPTOSS_METAL_API_KEY", help="What the server asks for.")
@click.option("--write/--print", "write", help="Write the files, or show them.  [default: print]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def config(
    client: str | None,
    url: str | None,
    model: str | None,
    api_key: str | None,
    write: bool,
    as_json: bool,
) -> None:
    """Configure CLIENT for the server: codex, claude-code, continue, opencode, llm, …

    Without CLIENT, list all of them. What a file already says stays, and is copied before it
    is written.
    """
    from gptoss_metal.clients.catalogue import CLIENTS, find
    from gptoss_metal.clients.discovery import CONTEXT, target
    from gptoss_metal.clients.target import DEFAULT_URL, Target, server_url

    if client is None:
        _list(list(CLIENTS.values()), as_json)
        return
    chosen = find(client)
    address = server_url(url or DEFAULT_URL)
    found = target(address, model, api_key)
    if found is None and model is None:
        raise Error(
            f"[config] no server answers at {address}, so its models are unknown. "
            "Try: gptoss-metal serve MODEL, or --model NAME."
        )
    setup = chosen.configure(
        found or Target(address, str(model), CONTEXT, api_key), chosen.user_folder()
    )
    copies = {file.path: file.write() for file in setup.files} if write else {}
    if as_json:
        click.echo(json.dumps(_described(chosen, setup)))
    elif write:
        for path, copy in copies.items():
            click.echo(f"{path}" + (f" (what was there: {copy})" if copy else ""))
        _show_use(chosen, setup)
    else:
        for file in setup.files:
            click.echo(f"# {file.path}\n{file.text()}")
        _show_use(chosen, setup)


def _list(clients: list[Client], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{"client": each.name, "title": each.title} for each in clients]))
        return
    width = max(len(each.name) for each in clients)
    for each in clients:
        click.echo(f"{each.name:{width}}  {each.title}")


def _described(client: Client, setup: Setup) -> dict[str, Any]:
    return {
        "client": client.name,
        "files": [{"path": str(file.path), "content": file.text()} for file in setup.files],
        "environment": dict(setup.environment),
        "command": [client.program, *setup.arguments] if client.program else None,
    }


def _show_use(client: Client, setup: Setup) -> None:
    for name, value in setup.environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if client.program:
        click.echo(shlex.join((client.program, *setup.arguments)))
