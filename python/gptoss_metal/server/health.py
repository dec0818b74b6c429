"""``/health`` and ``/metrics``."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gptoss_metal.server.metrics import CONTENT_TYPE
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.served import Served

SERVING = ("ready", "unloaded")
"""States in which a request is answered; an unloaded model is loaded for it."""


def routes(served: Served) -> list[Route]:
    """Both."""

    async def health(request: Request) -> Response:
        body = state(served)
        return JSONResponse(body, 200 if body["status"] == "ok" else 503)

    async def metrics(request: Request) -> Response:
        return Response(served.metrics.text(), media_type=CONTENT_TYPE)

    return [Route("/health", health), Route("/metrics", metrics)]


def state(served: Served) -> dict[str, Any]:
    """Whether requests are answered, and what computes them."""
    engine = served.turns.engine.state
    try:
        info = served.model.info
    except Problem:
        return {"status": "failed" if engine == "failed" else "loading", "model": served.names[0]}
    return {
        "status": "ok" if engine in SERVING else engine,
        "model": served.names[0],
        "loaded": engine != "unloaded",
        "backend": info.backend,
        "device": info.device or info.isa,
        "context": served.model.context,
    }
