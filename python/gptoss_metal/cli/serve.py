"""``gptoss-metal serve``: every API over one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gptoss_metal.cli import options as shared
from gptoss_metal.cli.serve_options import Duration, engine_options, intake_options

if TYPE_CHECKING:
    from gptoss_metal.engine.engine import Engine
    from gptoss_metal.harmony.tools import BuiltIn
    from gptoss_metal.server.app import Rules
    from gptoss_metal.server.loader import Loader

TOOLS: Final[dict[str, tuple[BuiltIn, ...]]] = {
    "all": ("browser", "python"),
    "browser": ("browser",),
    "python": ("python",),
    "none": (),
}


@click.command()
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--api-key",
    envvar="GPTOSS_METAL_API_KEY",
    help="What clients must send. Better set GPTOSS_METAL_API_KEY, which no process list shows.",
)
@click.option(
    "--served-model-name",
    "names",
    multiple=True,
    help="What clients may call the model; may be repeated.",
)
@engine_options
@intake_options
@click.option(
    "--tools",
    type=click.Choice(list(TOOLS)),
    default="all",
    show_default=True,
    help="Built-in tools that requests may ask for; code runs in a sandbox without a network.",
)
@click.option(
    "--grace",
    type=Duration(),
    default="20s",
    show_default=True,
    help="How long running answers may go on when the server is stopped.",
)
@click.option("--log-prompts", is_flag=True, help="Write prompts and answers to stderr.")
@shared.model_options
def serve(
    model: str, host: str, port: int, names: tuple[str, ...], grace: float, **options: Any
) -> None:
    """Serve a model to every client that speaks OpenAI's, Ollama's or Anthropic's API.

    It listens on this machine alone, unless --host says otherwise; then it needs an API key.
    """
    rules = _rules(host, options)
    from gptoss_metal.server.builtin import BuiltIns
    from gptoss_metal.server.loader import Loader
    from gptoss_metal.server.replay import Replay
    from gptoss_metal.server.run import listen, serve_until_stopped, url
    from gptoss_metal.server.served import Served
    from gptoss_metal.server.turns import Turns
    from gptoss_metal.store import find, home

    path = find(model)
    loader = Loader(lambda: shared.load(str(path), options))
    tools = BuiltIns(TOOLS[options["tools"]])
    engine = _engine(loader, options)
    replay = Replay(None if options["disk_cache"] == 0 else home() / "replay.sqlite")
    turns = Turns(engine, loader, tools, replay, log_prompts=options["log_prompts"])
    served = Served(names or (_name(model),), turns)
    bound = listen(host, port)
    click.echo(f"serving {served.names[0]} at {url(bound)}", err=True)
    serve_until_stopped(served, rules, bound, grace)


def _engine(loader: Loader, options: dict[str, Any]) -> Engine:
    from gptoss_metal.engine.disk.store import DiskStore
    from gptoss_metal.engine.engine import Engine
    from gptoss_metal.engine.limits import Limits

    memory, disk = options["cache_memory"], options["disk_cache"]
    limits = Limits(
        slots=options["parallel"],
        queue=options["queue"],
        chunk=options["chunk"],
        cache_bytes=None if memory is None else int(memory * 1e9),
        keep_alive=options["keep_alive"],
        context=options["context"],
        max_tokens=options["max_tokens"],
    )
    store = None if disk == 0 else DiskStore(limit=None if disk is None else int(disk * 1e9))
    return Engine(loader, limits, store)


def _rules(host: str, options: dict[str, Any]) -> Rules:
    from gptoss_metal.server.app import Rules
    from gptoss_metal.server.security import Security

    security = Security(
        host, options["api_key"], options["allowed_host"], options["allowed_origin"]
    )
    return Rules(security, body_bytes=options["max_body"] * 1_000_000)


def _name(model: str) -> str:
    """What a model is called that was named by its file, perhaps."""
    return Path(model).name.removesuffix(".safetensors")
