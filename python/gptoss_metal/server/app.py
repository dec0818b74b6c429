"""The application: the routes of every API, and what surrounds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gptoss_metal.server import health
from gptoss_metal.server.accounting import Accounting
from gptoss_metal.server.anthropic.routes import routes as anthropic_routes
from gptoss_metal.server.connection import HEADER_SECONDS
from gptoss_metal.server.guard import Guard, Intake
from gptoss_metal.server.handlers import problem_response
from gptoss_metal.server.ollama.routes import routes as ollama_routes
from gptoss_metal.server.openai.routes import routes as openai_routes
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.responses.routes import routes as responses_routes
from gptoss_metal.server.security import Security
from gptoss_metal.server.served import Served

MOST_BYTES: Final = 32 << 20
BODY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Rules:
    """What the application lets in.

    Attributes:
        security: who may speak to it.
        header_seconds: until a request's headers must be complete.
        body_bytes: the most a request's body may have.
        body_seconds: until a body must be complete.
    """

    security: Security = field(default_factory=Security)
    header_seconds: float = HEADER_SECONDS
    body_bytes: int = MOST_BYTES
    body_seconds: float = BODY_SECONDS


def build(served: Served, rules: Rules | None = None) -> Starlette:
    """The application over what is served.

    Args:
        served: the model, and its turns.
        rules: what is let in; None for loopback without a key.
    """
    rules = rules or Rules()
    return Starlette(
        routes=_routes(served),
        middleware=[
            Middleware(Accounting, metrics=served.metrics),
            Middleware(Guard, security=rules.security),
            Middleware(Intake, most=rules.body_bytes, seconds=rules.body_seconds),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _error},
    )


def _routes(served: Served) -> Sequence[BaseRoute]:
    apis = (health.routes, openai_routes, responses_routes, ollama_routes, anthropic_routes)
    return [route for routes in apis for route in routes(served)]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        what = f"[serve] {path} does not take {request.method}. Try: another method."
    else:
        what = f"[serve] there is no {path} here. Try: /v1/models."
    response = problem_response(path, Problem(what, "not_found"))
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


async def _error(request: Request, error: Exception) -> Response:
    return problem_response(request.url.path, as_problem(error))
