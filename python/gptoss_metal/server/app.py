"""The application: the routes of every API, and what surrounds them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gptoss_metal.server.handlers import problem_response
from gptoss_metal.server.metrics import CONTENT_TYPE
from gptoss_metal.server.openai.routes import routes as openai_routes
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.responses.routes import routes as responses_routes
from gptoss_metal.server.served import Served


def build(served: Served) -> Starlette:
    """The application over what is served."""

    async def health(request: Request) -> Response:
        return JSONResponse(_health(served))

    async def metrics(request: Request) -> Response:
        return Response(served.metrics.text(), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            *openai_routes(served),
            *responses_routes(served),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _error},
    )


def _health(served: Served) -> dict[str, object]:
    info = served.model.info
    return {
        "status": "ok",
        "model": served.names[0],
        "backend": info.backend,
        "device": info.device or info.isa,
    }


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        what = f"[serve] {path} does not take {request.method}. Try: another method."
    else:
        what = f"[serve] there is no {path} here. Try: /v1/models."
    problem = Problem(what, "not_found")
    response = problem_response(path, problem)
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


async def _error(request: Request, error: Exception) -> Response:
    return problem_response(request.url.path, as_problem(error))
