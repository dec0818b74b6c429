"""A web server on loopback that serves what a test says, also slowly, compressed and endless."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gptoss_metal.tools.browser.address import Policy

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """A running server.

    Attributes:
        port: where.
        pages: path → what answers it.
        asked: the paths that were asked for, with their Host header.
    """

    port: int
    pages: dict[str, Answer]
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        """Allows this server, besides public ones."""
        return Policy(allowed=frozenset({("127.0.0.1", self.port)}))

    def url(self, path: str) -> str:
        """An address on this server."""
        return f"http://127.0.0.1:{self.port}{path}"


def page(body: bytes | str, kind: str = "text/html", status: int = 200, **headers: str) -> Answer:
    """An answer with a body."""
    data = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


@contextmanager
def open_web(pages: dict[str, Answer]) -> Iterator[Web]:
    """Runs a server."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Host", "")))
            try:
                pages.get(self.path, page("no such page", "text/plain", 404))(self)
            except (BrokenPipeError, ConnectionResetError):
                return

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Web(server.server_port, pages, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
