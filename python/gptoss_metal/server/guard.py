"""What every request passes before it reaches an API: the guard, and the intake of bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss_metal.server.handlers import problem_response
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.security import Security

HEADER_BYTES: Final = 64 << 10
METHODS: Final = "GET, HEAD, POST, DELETE, OPTIONS"
EXPOSED: Final = "Retry-After, X-Request-Id, Request-Id"
PREFLIGHT_SECONDS: Final = 600


class Guard:
    """Refuses requests that `Security` does not let pass; answers browsers' preflights.

    Args:
        app: what is behind it.
        security: the rules.
    """

    def __init__(self, app: ASGIApp, security: Security) -> None:
        self._app = app
        self._security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        try:
            # A preflight carries no key; the request it asks for will.
            self._security.check("/" if preflight else scope["path"], headers)
        except Problem as problem:
            response = problem_response(scope["path"], problem)
            if problem.kind == "unauthorized" and origin is not None:
                response.headers.update(_cors(origin))
            await response(scope, receive, send)
            return
        if preflight and origin is not None:
            await Response(None, 204, _preflight(origin, headers))(scope, receive, send)
            return
        await self._app(scope, receive, send if origin is None else _with_cors(send, origin))


class Intake:
    """Bounds what a request's headers and body may be, and how long the body may take.

    A body that is too large or too slow makes `receive` raise Problem, in the handler.

    Args:
        app: what is behind it.
        most: bytes of a body.
        seconds: until a body must be complete.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] == "http":
            if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
                problem = Problem(
                    f"[serve] the headers have more than {HEADER_BYTES} bytes. Try: fewer.",
                    "headers_too_large",
                )
                await problem_response(scope["path"], problem)(scope, receive, send)
                return
            receive = _Body(self, Headers(scope=scope), receive).receive
        await self._app(scope, receive, send)

    @property
    def seconds(self) -> float:
        """Until a body must be complete."""
        return self._seconds

    def check(self, size: int) -> None:
        """Raises Problem if a body of so many bytes is too large."""
        if size > self._most:
            raise Problem(
                f"[serve] the body has more than {self._most} bytes. "
                "Try: a shorter one, or serve with a larger --max-body.",
                "too_large",
                code="request_too_large",
            )


class _Body:
    """The body of one request as it comes in."""

    def __init__(self, intake: Intake, headers: Mapping[str, str], receive: Receive) -> None:
        self._intake = intake
        self._receive = receive
        self._size = 0
        length = headers.get("content-length", "")
        self._announced = int(length) if length.isascii() and length.isdigit() else 0
        self._complete = False
        self._end = asyncio.get_running_loop().time() + intake.seconds

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the disconnect, however long that takes
        self._intake.check(self._announced)
        left = self._end - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except asyncio.TimeoutError:
            raise Problem(
                f"[serve] the body took more than {self._intake.seconds:g} s. Try: again.",
                "timeout",
            ) from None
        self._size += len(message.get("body", b""))
        self._intake.check(self._size)
        self._complete = not message.get("more_body", False)
        return message


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }


def _preflight(origin: str, headers: Mapping[str, str]) -> dict[str, str]:
    out = _cors(origin) | {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    wanted = headers.get("access-control-request-headers")
    if wanted is not None:
        out["Access-Control-Allow-Headers"] = wanted
    if headers.get("access-control-request-private-network") == "true":
        out["Access-Control-Allow-Private-Network"] = "true"
    return out


def _with_cors(send: Send, origin: str) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_cors(origin))
        await send(message)

    return sender
