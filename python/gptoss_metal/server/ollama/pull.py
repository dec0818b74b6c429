"""``/api/pull``: a model of the store succeeds at once; others are fetched and converted."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal import store
from gptoss_metal.errors import Error
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.ollama.answer import NDJSON, Json, as_line
from gptoss_metal.server.ollama.manage import is_own, is_stored_model
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import Stream, until_gone

_REPOSITORY: Final = re.compile(
    r"(?:(?:hf\.co|huggingface\.co)/)?([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?::latest)?", re.ASCII
)
_PUBLISHED: Final = ("gpt-oss-20b", "gpt-oss-120b")
_STEP: Final = 64 * 2**20
"""Bytes between two lines of progress."""


class Pulls:
    """Fetches one model at a time; the connection that asked for it may go, and so it stops."""

    def __init__(self) -> None:
        self._busy = threading.Lock()

    async def fetch(self, repository: str, target: Path) -> AsyncGenerator[Json, None]:
        """Downloads and converts a repository.

        Yields:
            Ollama's progress: ``status``, and for the conversion ``digest``, ``total`` and
            ``completed`` in bytes.

        Raises:
            Problem: another one is being pulled.
            Error: it is no gpt-oss model, or cannot be fetched or written.
        """
        if not self._busy.acquire(blocking=False):
            raise Problem(
                "[pull] another model is being pulled. Try: again when it is there.",
                "busy",
                retry_after=30,
            )
        said: asyncio.Queue[Json | None] = asyncio.Queue()
        loop, gone = asyncio.get_running_loop(), threading.Event()

        def say(line: Json | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(said.put_nowait, line)

        def work() -> None:
            try:
                convert_into(repository, target, say, gone)
            except Abandoned:
                return
            finally:
                self._busy.release()
                say(None)

        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            while (line := await said.get()) is not None:
                yield line
            await task
        finally:
            gone.set()
            if not task.done():
                task.add_done_callback(_forget)


async def pull(request: Request, own: tuple[Served, Pulls]) -> Response:
    """Answers once the model is in the store.

    Raises:
        Problem: it is not a model that could be fetched.
    """
    fields = Fields(await read_object(request))
    name = fields.text("model") or fields.required("name")
    lines = _lines(name, *own)
    if fields.flag("stream", True):
        return Stream(_written(lines), NDJSON)

    async def all_lines() -> None:
        async for _ in lines:
            pass

    await until_gone(request.receive, all_lines())
    return JSONResponse({"status": "success"})


def repository_of(name: str) -> str | None:
    """The Hugging Face repository that a name means, or None.

    ``gpt-oss:20b`` is ``openai/gpt-oss-20b``; ``hf.co/someone/model`` is ``someone/model``.
    """
    if store.canonical(name) in _PUBLISHED:
        return f"openai/{store.canonical(name)}"
    found = _REPOSITORY.fullmatch(name)
    return found[1] if found else None


def check_architecture(repository: str) -> None:
    """Reads a repository's config before its weights are fetched, which may be 100 GB.

    Raises:
        Error: it is another model's. A config that cannot be had is left to the conversion.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        config = json.loads(Path(hf_hub_download(repository, "config.json")).read_text("utf-8"))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, ValueError):
        return  # it may have original/config.json; otherwise the conversion says what is wrong
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "gpt_oss":
        raise Error(f"[pull] {repository} is a {kind} model. Try: a gpt-oss model, gpt-oss:20b.")


def _lines(name: str, served: Served, pulls: Pulls) -> AsyncGenerator[Json, None]:
    if served_already(name, served) or is_stored_model(name):
        return _there()
    repository = repository_of(name)
    if repository is None:
        raise Problem(
            f"[pull] {name[:80]!r} is no gpt-oss model. "
            "Try: gpt-oss:20b, gpt-oss:120b, or a repository of Hugging Face.",
            "not_found",
        )
    target = store.model_file(repository.rsplit("/", 1)[1])
    if target.is_file():
        check_origin(target, repository)
        return _there()
    return pulls.fetch(repository, target)


def check_origin(file: Path, repository: str) -> None:
    """Raises Problem if the store's model of that name comes from somewhere else."""
    from gptoss_metal.convert import describe

    source = describe(file)["source"]
    if source.get("repo") != repository:
        raise Problem(
            f"[pull] {file.stem} in the store is not {repository}. "
            f"Try: gptoss-metal convert {repository} --name, with another name.",
            "conflict",
        )


def served_already(name: str, served: Served) -> bool:
    """Whether the server answers to that name."""
    return is_own(name, served) or store.canonical(name) in served.all_names()


async def _there() -> AsyncGenerator[Json, None]:
    yield {"status": "pulling manifest"}
    yield {"status": "success"}


async def _written(lines: AsyncGenerator[Json, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for line in lines:
            yield as_line(line)
    except Exception as error:
        yield as_line({"error": str(as_problem(error))})
    finally:
        await lines.aclose()


class Abandoned(BaseException):
    """Ends a conversion as Ctrl-C does: what is done stays, and the next one goes on from it."""


def convert_into(
    repository: str, target: Path, say: Callable[[Json], None], gone: threading.Event
) -> None:
    """Downloads and converts a repository, and tells how far it is; on a thread of its own.

    Raises:
        Abandoned: `gone` was set meanwhile.
        Error: it is no gpt-oss model, or cannot be fetched or written.
    """
    from gptoss_metal.convert import convert

    say({"status": "pulling manifest"})
    check_architecture(repository)
    say({"status": f"pulling {repository}"})
    target.parent.mkdir(parents=True, exist_ok=True)
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if gone.is_set():
            raise Abandoned
        if done - told >= _STEP or done == total:
            told = done
            line = {"digest": repository, "total": total, "completed": done}
            say({"status": f"converting {target.stem}", **line})

    convert(repository, target, progress=progress)
    say({"status": f"to serve it: gptoss-metal serve {target.stem}"})
    say({"status": "success"})


def _forget(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()
