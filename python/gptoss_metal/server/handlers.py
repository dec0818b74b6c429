"""What all handlers share: problems become responses in their API's shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.shapes import error_body, headers
from gptoss_metal.server.streaming import ClientGone

Handler = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """A handler whose exceptions become responses; see `problem_response`."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (ClientGone, ClientDisconnect):
            return Response(status_code=499)  # nobody reads it
        except Exception as error:
            return problem_response(request.url.path, as_problem(error))

    return answer


def problem_response(path: str, problem: Problem) -> JSONResponse:
    """A problem as the response of its API, which the request's path tells."""
    return JSONResponse(error_body(path, problem), problem.status, headers(problem))
