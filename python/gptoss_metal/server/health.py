"""``/health`` and ``/metrics``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gptoss_metal.server.metrics import CONTENT_TYPE
from gptoss_metal.server.served import Served


def routes(served: Served) -> list[Route]:
    """Both."""

    async def health(request: Request) -> Response:
        return JSONResponse(_health(served))

    async def metrics(request: Request) -> Response:
        return Response(served.metrics.text(), media_type=CONTENT_TYPE)

    return [Route("/health", health), Route("/metrics", metrics)]


def _health(served: Served) -> dict[str, object]:
    info = served.model.info
    return {
        "status": "ok",
        "model": served.names[0],
        "backend": info.backend,
        "device": info.device or info.isa,
    }
