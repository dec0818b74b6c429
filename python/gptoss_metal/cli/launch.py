"""``gptoss-metal launch``: a client at work on the server, in one command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.clients.setup import Client
    from gptoss_metal.clients.target import Target


@click.command()
@click.argument("client")
@click.option("--url", help="Of the server.  [default: http://127.0.0.1:8080]")
@click.option("--model", help="One the server has, or, if none runs, one to serve.")
@click.option("--api-key", envvar="GPTOSS_METAL_API_KEY", help="What the server asks for.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]...")
def launch(
    client: str,
    url: str | None,
    model: str | None,
    api_key: str | None,
    arguments: tuple[str, ...],
) -> None:
    """Run CLIENT (codex, opencode, …) with the server, and start that if none answers.

    The client gets a configuration of its own; yours stays as it is. What follows -- goes to it.
    """
    from gptoss_metal.clients.catalogue import find
    from gptoss_metal.clients.target import DEFAULT_URL, server_url
    from gptoss_metal.store import home

    chosen = find(client)
    program = _program(chosen)
    folder = home() / "clients" / chosen.name
    with _serving(server_url(url or DEFAULT_URL), model, api_key, folder.parent) as target:
        code = _run(chosen, program, target, folder, arguments)
    if code:
        sys.exit(code)  # the client's own


def _program(client: Client) -> str:
    if client.program is None:
        raise Error(
            f"[launch] no command starts {client.title}. Try: gptoss-metal config {client.name}"
        )
    found = shutil.which(client.program)
    if found is None:
        raise Error(f"[launch] {client.program} is not installed. Try: {client.install}")
    return found


@contextmanager
def _serving(url: str, model: str | None, api_key: str | None, logs: Path) -> Iterator[Target]:
    """The server at the URL: the one that answers there, or one that runs while in here."""
    from gptoss_metal.clients import discovery
    from gptoss_metal.clients.server_process import ServerProcess, stored_model

    with ExitStack() as stack:
        target = discovery.target(url, model, api_key)
        if target is None:
            served = model or stored_model()
            click.echo(f"starting gptoss-metal serve {served} at {url}", err=True)
            stack.enter_context(ServerProcess(url, served, api_key, logs / "server.log"))
            target = discovery.target(url, None, api_key)
        if target is None:
            raise Error(f"[launch] the server at {url} went away. Try: again.")
        yield target


def _run(
    client: Client, program: str, target: Target, folder: Path, arguments: tuple[str, ...]
) -> int:
    """Runs the client to its end; its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    setup = client.configure(target, folder)
    for file in setup.files:
        file.path.unlink(missing_ok=True)  # ours alone, from an earlier launch
        file.write()
    environment = os.environ | dict(setup.environment) | dict(setup.relocation)
    with _signals_of_a_client():
        started = subprocess.Popen([program, *setup.arguments, *arguments], env=environment)
        try:
            code = started.wait()
        finally:
            started.terminate()  # if we are told to end before it has
            started.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_of_a_client() -> Iterator[None]:
    """In here Ctrl-C is the client's alone, and being told to end is an exception."""
    handlers = {
        signal.SIGINT: lambda number, frame: None,
        signal.SIGTERM: _end,
        signal.SIGHUP: _end,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise click.Abort
