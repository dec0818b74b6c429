"""Streamed responses: their end, their silence, and clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.types import Message

from gptoss_metal.server import streaming
from gptoss_metal.server.openai.merge import merge
from gptoss_metal.server.streaming import ClientGone, Stream, sse, until_gone


class Line:
    """A client's connection: what it was sent, and when it leaves."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def text(self) -> bytes:
        """The body so far."""
        return b"".join(message.get("body", b"") for message in self.sent)


class Source:
    """Pieces with pauses, and whether they were ended properly."""

    def __init__(self, pieces: int, pause: float) -> None:
        self.closed = False
        self._pieces = pieces
        self._pause = pause

    async def run(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self._pieces):
                await asyncio.sleep(self._pause)
                yield sse(str(number))
        finally:
            self.closed = True


async def answer(stream: Stream, line: Line) -> None:
    """Runs a response."""
    await asyncio.wait_for(stream({"type": "http"}, line.receive, line.send), 5)


def test_a_whole_stream() -> None:
    async def main() -> None:
        line, source = Line(), Source(3, 0)
        await answer(Stream(source.run()), line)
        assert line.text == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert line.sent[0]["status"] == 200
        assert line.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert source.closed

    asyncio.run(main())


@pytest.mark.parametrize("pause", [0.0, 60.0])
def test_a_client_that_leaves_closes_the_source(pause: float) -> None:
    async def main() -> None:
        line, source = Line(), Source(10**9, pause)
        task = asyncio.ensure_future(answer(Stream(source.run()), line))
        await asyncio.sleep(0.05)
        line.left.set()
        await task
        assert source.closed

    asyncio.run(main())


def test_a_client_that_stops_reading_and_leaves_closes_the_source() -> None:
    async def main() -> None:
        line, source = Line(), Source(10**9, 0)

        async def stuck(message: Message) -> None:
            await line.send(message)
            if len(line.sent) > 3:
                await asyncio.sleep(60)  # its window is full

        stream = Stream(source.run())
        task = asyncio.ensure_future(stream({"type": "http"}, line.receive, stuck))
        await asyncio.sleep(0.05)
        line.left.set()
        await asyncio.wait_for(task, 5)
        assert source.closed

    asyncio.run(main())


def test_silence_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SILENCE", 0.02)

    async def main() -> None:
        line, source = Line(), Source(1, 0.2)
        await answer(Stream(source.run(), idle=streaming.SSE_COMMENT), line)
        assert line.text.count(streaming.SSE_COMMENT) > 2
        assert line.text.endswith(sse("0"))
        quiet = Line()
        await answer(Stream(Source(1, 0.2).run()), quiet)
        assert quiet.text == sse("0")

    asyncio.run(main())


def test_an_error_of_the_source_comes_through() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise ValueError("broken")

    async def main() -> None:
        with pytest.raises(ValueError, match="broken"):
            await answer(Stream(broken()), Line())

    asyncio.run(main())


def test_work_ends_with_its_client() -> None:
    async def main() -> None:
        line, ended = Line(), asyncio.Event()

        async def work() -> int:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
            return 1

        task = asyncio.ensure_future(until_gone(line.receive, work()))
        await asyncio.sleep(0.01)
        line.left.set()
        with pytest.raises(ClientGone):
            await task
        assert ended.is_set()

        async def quick() -> int:
            return 2

        assert await until_gone(Line().receive, quick()) == 2

    asyncio.run(main())


def test_merged_streams_come_as_they_come_and_all_are_closed() -> None:
    async def main() -> None:
        slow, fast = Source(2, 0.05), Source(3, 0.0)
        found: list[Any] = [number async for number, _ in merge([slow.run(), fast.run()])]
        assert found == [1, 1, 1, 0, 0]
        assert slow.closed
        assert fast.closed
        endless = Source(10**9, 0.01)

        async def broken() -> AsyncGenerator[bytes, None]:
            await asyncio.sleep(0.05)
            raise ValueError("broken")
            yield b""

        with pytest.raises(ValueError, match="broken"):
            _ = [item async for item in merge([endless.run(), broken()])]
        assert endless.closed

    asyncio.run(main())


def test_a_stream_that_does_not_watch_its_client_is_seen() -> None:
    """The fault, planted: nobody reads, and the source goes on."""

    class Blind(Stream):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self._write(send)

    async def main() -> None:
        line, source = Line(), Source(10**9, 0.01)
        task = asyncio.ensure_future(Blind(source.run())({"type": "http"}, line.receive, line.send))
        await asyncio.sleep(0.05)
        line.left.set()
        await asyncio.sleep(0.1)
        assert not task.done()
        assert not source.closed
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
