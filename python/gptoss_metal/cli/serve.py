"""``gptoss-metal serve``: every API over one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gptoss_metal.cli import options as shared

if TYPE_CHECKING:
    from gptoss_metal.server.app import Rules


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
@click.option("--allowed-host", multiple=True, help="Another name of this server, or *.")
@click.option("--allowed-origin", multiple=True, help="Web pages that may use it, or *.")
@click.option(
    "--max-body",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Megabytes that a request may have.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=20.0,
    show_default=True,
    help="Seconds that running answers have to finish when the server is stopped.",
)
@shared.model_options
def serve(
    model: str, host: str, port: int, names: tuple[str, ...], grace: float, **options: Any
) -> None:
    """Serve a model to every client that speaks OpenAI's, Ollama's or Anthropic's API.

    It listens on this machine alone, unless --host says otherwise; then it needs an API key.
    """
    rules = _rules(host, options)
    from gptoss_metal.server.app import build
    from gptoss_metal.server.run import Server, listen, url
    from gptoss_metal.server.served import Served
    from gptoss_metal.server.turns import Turns

    loaded = shared.load(model, options)
    served = Served(loaded, names or (_name(model),), Turns(loaded))
    bound = listen(host, port)
    click.echo(f"serving {served.names[0]} at {url(bound)}", err=True)

    async def end(grace: float) -> None:
        pass

    Server(build(served, rules), grace, end).run([bound])


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
