"""``gptoss-metal serve``: every API over one model."""

from __future__ import annotations

from typing import Any

import click

from gptoss_metal.cli import options as shared


@click.command()
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--api-key",
    envvar="GPTOSS_METAL_API_KEY",
    help="Clients must know it; also GPTOSS_METAL_API_KEY, which no process list shows.",
)
@click.option(
    "--served-model-name",
    "names",
    multiple=True,
    help="What clients may call the model; may be repeated.",
)
@shared.model_options
def serve(
    model: str, host: str, port: int, api_key: str | None, names: tuple[str, ...], **options: Any
) -> None:
    """Serve a model to every client that speaks OpenAI's, Ollama's or Anthropic's API."""
    import uvicorn

    from gptoss_metal.server.app import build
    from gptoss_metal.server.served import Served
    from gptoss_metal.server.turns import Turns

    loaded = shared.load(model, options)
    served = Served(loaded, names or (model,), Turns(loaded))
    config = uvicorn.Config(
        build(served), host=host, port=port, access_log=False, log_level="warning"
    )
    socket = config.bind_socket()
    address, bound = socket.getsockname()[:2]
    click.echo(f"serving {served.names[0]} at http://{address}:{bound}", err=True)
    uvicorn.Server(config).run([socket])
