"""A server that runs for as long as a client needs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from gptoss_metal.clients import discovery
from gptoss_metal.clients.target import KEY_VARIABLE
from gptoss_metal.errors import Error
from gptoss_metal.store import SUFFIX, home

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_START: Final = 600.0  # seconds a model may take to load
_STOP: Final = 30.0  # seconds a server may take to end its streams
_POLL: Final = 0.2


class ServerProcess:
    """``gptoss-metal serve`` as a process of ours; a context manager: ready in it, ended after.

    It has a session of its own, so that Ctrl-C reaches the client alone.

    Args:
        url: where it shall answer; on this machine.
        model: a path or a name of the store.
        api_key: what it shall ask for; None for nothing.
        log: where its messages go.

    Raises:
        Error: on entering, if it cannot be started.
    """

    def __init__(self, url: str, model: str, api_key: str | None, log: Path) -> None:
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK:
            raise Error(
                f"[launch] no server answers at {url}. "
                "Try: start it there, or a --url on this machine."
            )
        self._url = url
        self._log = log
        self._command = [
            *(sys.executable, "-m", "gptoss_metal", "serve", model),
            *("--host", parts.hostname, "--port", str(parts.port or 80)),
        ]
        self._environment = os.environ | ({KEY_VARIABLE: api_key} if api_key else {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START
        while not discovery.answers(self._url):
            if process.poll() is not None:
                raise Error(self._last_words())
            if time.monotonic() > until:
                raise Error(
                    f"[launch] the server was not ready after {_START:.0f} seconds. "
                    f"Try: gptoss-metal serve by hand; its log is {self._log}."
                )
            time.sleep(_POLL)

    def _last_words(self) -> str:
        """Why the server ended: its own error if it had one to say."""
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        if lines and lines[-1].startswith("["):
            return lines[-1]
        return f"[launch] the server ended at once. Try: read its log, {self._log}."


def stored_model() -> str:
    """The model to serve if none is named: the only one of the store, or gpt-oss-20b.

    Raises:
        Error: the store has none, or several.
    """
    names = sorted(
        path.name.removesuffix(SUFFIX) for path in (home() / "models").glob("*" + SUFFIX)
    )
    if not names:
        raise Error(
            f"[launch] there is no model in {home() / 'models'}. "
            "Try: gptoss-metal convert openai/gpt-oss-20b"
        )
    if len(names) == 1:
        return names[0]
    if "gpt-oss-20b" in names:
        return "gpt-oss-20b"
    raise Error(f"[launch] several models are there. Try: --model {' or '.join(names)}.")
