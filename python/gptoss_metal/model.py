"""`Model`: a loaded model file, and what can be asked of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core, aio, checks
from gptoss_metal.chat import Turn
from gptoss_metal.config import Config
from gptoss_metal.errors import Error
from gptoss_metal.events import Event, Token
from gptoss_metal.generation import Generation, Request, Run
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.render import IDENTITY, Renderer, Setting
from gptoss_metal.harmony.tools import AUTO, BuiltIn, Tool, ToolChoice, read_tools
from gptoss_metal.harmony.vocabulary import Vocabulary, open_vocabulary
from gptoss_metal.sampling import Sampling
from gptoss_metal.sessions import SessionPool
from gptoss_metal.store import find
from gptoss_metal.text import with_text

BACKENDS: Final = ("cpu", "metal")
PRECISIONS: Final = ("default", "exact")
Ids = Sequence[int] | npt.NDArray[np.integer[Any]]
DEFAULT_SAMPLING: Final = Sampling()


@dataclass(frozen=True)
class Info:
    """A loaded model: its file (bytes), and how it runs on this machine.

    ``bytes_per_token`` are the weight bytes one decoded token reads; ``device`` names the GPU, and
    is empty with the CPU backend; ``isa`` names the CPU's vector instructions in use; ``source``
    tells what the file was converted from.
    """

    path: str
    file_bytes: int
    bytes_per_token: int
    backend: str
    device: str
    precision: str
    isa: str
    threads: int
    dense: str
    source: Mapping[str, Any]


class Model:
    """A model: weights, read-only, shared by threads.

    Sessions are kept between calls, so a conversation computes only what is new in it. Two calls
    at a time have a session each.
    """

    def __init__(self, core: _core.Model, context: int | None) -> None:
        self._core = core
        self.config = Config.read(core.config)
        """The shape of the model."""
        self.info = Info(
            path=core.path,
            file_bytes=core.file_bytes,
            bytes_per_token=core.bytes_per_token(),
            backend=core.backend,
            device=core.device,
            precision=core.precision,
            isa=core.isa,
            threads=core.threads,
            dense=self.config.dense,
            source=json.loads(core.metadata.get("source", "{}")),
        )
        """The file, and how it runs."""
        self.context = checks.context(context, self.config)
        """The most tokens a session of this model holds, prompt and answer together."""
        self._pool = SessionPool(self.session)

    @classmethod
    def load(
        cls,
        path_or_name: str | os.PathLike[str],
        backend: str | None = None,
        precision: str = "default",
        threads: int | None = None,
        *,
        context: int | None = None,
    ) -> Model:
        """Opens a model file; its weights are mapped, not copied.

        Args:
            path_or_name: a file, or a name of the store: ``gpt-oss-20b``, ``demo``.
            backend: ``metal`` or ``cpu``; None for metal on an M1 or newer, and cpu elsewhere.
            precision: ``default``, or ``exact``, which switches every approximation off.
            threads: how many to compute with; one per core it may use if None.
            context: tokens that prompt and answer may have together; the model's maximum if None.

        Raises:
            Error: no such model, not a model file, or an argument that cannot be.
        """
        chosen = _core.default_backend() if backend is None else _checked_backend(backend)
        if precision not in PRECISIONS:
            raise Error(f"[load] there is no precision {precision!r}. Try: default or exact.")
        if threads is not None and threads < 1:
            raise Error(f"[load] {threads} threads cannot compute. Try: 1 or more.")
        path = os.fspath(find(path_or_name))
        return cls(_core.Model(path, precision, threads or 0, backend=chosen), context)

    @property
    def core(self) -> _core.Model:
        """The C++ model, for the engine."""
        return self._core

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Text to tokens and back.

        Raises:
            Error: the model file carries no vocabulary.
        """
        return open_vocabulary(self._core.tokenizer_bytes() or None, self.info.path)

    @cached_property
    def has_vocabulary(self) -> bool:
        """Whether the model can read and write text, not only ids."""
        return bool(self._core.tokenizer_bytes())

    @cached_property
    def grammars(self) -> Grammars:
        """What the model may say in a turn: harmony's headers, schemas, custom tools.

        Raises:
            Error: the model file carries no vocabulary.
        """
        return Grammars(self.vocabulary, self.config.vocab_size)

    def session(self, context: int | None = None, chunk: int = 512) -> _core.Session:
        """A session of your own: one token sequence with its cache.

        Args:
            context: the most tokens it holds; the model's if None.
            chunk: tokens that prefill computes at a time.

        Raises:
            Error: the context or the chunk cannot be.
        """
        wanted = self.context if context is None else checks.context(context, self.config)
        if chunk < 1:
            raise Error(f"[session] a chunk of {chunk} tokens. Try: 1 or more.")
        return _core.Session(self._core, wanted, chunk)

    def logits(self, tokens: Ids) -> npt.NDArray[np.float32]:
        """The logits after each token of a sequence.

        Args:
            tokens: [n] ids.

        Returns:
            float32 [n, vocab]. It speaks DLPack: numpy and torch share its memory, and mlx takes
            it with ``mx.from_dlpack`` (mlx copies arrays that other libraries made on a CPU).

        Raises:
            Error: no tokens, one out of range, or more than the context.
        """
        ids = checks.tokens(tokens, self.config.vocab_size, self.context)
        return self._fresh(len(ids)).all_logits(ids)

    async def alogits(self, tokens: Ids) -> npt.NDArray[np.float32]:
        """`logits`, without blocking the event loop; cancelled with its task."""
        ids = checks.tokens(tokens, self.config.vocab_size, self.context)
        session = self._fresh(len(ids))
        work = asyncio.ensure_future(asyncio.to_thread(session.all_logits, ids))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():  # a cancel before it begins is forgotten, hence repeated
                session.cancel()
                await asyncio.wait([work], timeout=0.002)
            work.exception()
            raise

    def generate(
        self,
        tokens: Ids,
        sampling: Sampling = DEFAULT_SAMPLING,
        max_tokens: int | None = None,
        stop_tokens: Sequence[int] | None = None,
    ) -> Generation[Token]:
        """Continues a token sequence, without harmony.

        Args:
            tokens: [n] ids of the prompt.
            sampling: how tokens are chosen; its stop strings are looked for in all text.
            max_tokens: the most to generate; None for what the context has room for.
            stop_tokens: ids that end the generation; None for gpt-oss's.

        Returns:
            An iterator of `Token`, the stop token too; it can be cancelled and closed.

        Raises:
            Error: an empty or too long prompt, a token out of range, or stop strings with a model
                that has no vocabulary.
        """
        ids = checks.prompt(tokens, self.config.vocab_size, self.context)
        checks.max_tokens(max_tokens)
        stops = t.STOP if stop_tokens is None else frozenset(stop_tokens)
        vocabulary = self.vocabulary if sampling.stops or self.has_vocabulary else None
        request = Request(ids, sampling, max_tokens, stops, self.config.vocab_size)
        run = Run(self._pool)
        body = with_text(run, run.sample(request), vocabulary, sampling.stops)
        return Generation(run, body)

    def agenerate(
        self,
        tokens: Ids,
        sampling: Sampling = DEFAULT_SAMPLING,
        max_tokens: int | None = None,
        stop_tokens: Sequence[int] | None = None,
    ) -> AsyncGenerator[Token, None]:
        """`generate` for asyncio; it stops when its consumer does."""
        return aio.iterate(self.generate(tokens, sampling, max_tokens, stop_tokens))

    def chat(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any] | Tool] = (),
        reasoning_effort: str = "medium",
        sampling: Sampling = DEFAULT_SAMPLING,
        max_tokens: int | None = None,
        *,
        instructions: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        date: str | None = None,
        identity: str = IDENTITY,
        builtins: Sequence[BuiltIn] = (),
        tool_choice: ToolChoice = AUTO,
    ) -> Generation[Event]:
        """Answers a conversation.

        Args:
            messages: OpenAI's dictionaries: ``role``, ``content``, and an assistant's
                ``reasoning`` and ``tool_calls``, a tool's ``tool_call_id``. Append
                `Done.message` and the next turn computes only what is new.
            tools: functions and custom tools the model may call, as in OpenAI's APIs.
            reasoning_effort: ``low``, ``medium`` or ``high``.
            sampling: how tokens are chosen; its stop strings end the final answer only.
            max_tokens: the most to generate, reasoning included.
            instructions: for the model, before the system messages' own.
            response_format: OpenAI's ``json_object`` or ``json_schema``; told to the model, and
                enforced.
            date: ``YYYY-MM-DD``; today if None.
            identity: first line of harmony's system message.
            builtins: tools the model was trained on, ``browser`` and ``python``; their calls come
                as `ToolCall`, and the caller runs them.
            tool_choice: whether tools may or must be called, and which.

        Returns:
            An iterator of `Reasoning`, `Text` and `ToolCall`, and one `Done` at the end. Whatever
            the model writes, it does not raise.

        Raises:
            Error: messages, tools or a setting that cannot be read, or too long a conversation.
            UnsupportedSchema: a schema or grammar that cannot be enforced.
        """
        checks.max_tokens(max_tokens)
        self.check_chat()
        declared = read_tools(tools)
        setting = Setting(
            reasoning_effort, instructions, declared, response_format, date, identity, builtins
        )
        prompt = Renderer(self.vocabulary).prompt(messages, setting)
        vocab = self.config.vocab_size
        ids = checks.prompt(prompt.ids, vocab, self.context)
        constraint = self.grammars.turn(
            tools=declared,
            builtins=builtins,
            tool_choice=tool_choice,
            response_format=response_format,
        )
        run = Run(self._pool)
        request = Request(ids, sampling, max_tokens, t.STOP, vocab, constraint)
        turn = Turn(run.progress, self.vocabulary, sampling.stops, declared)
        return Generation(run, turn.events(run.sample(request)))

    def achat(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any] | Tool] = (),
        reasoning_effort: str = "medium",
        sampling: Sampling = DEFAULT_SAMPLING,
        max_tokens: int | None = None,
        **setting: Any,
    ) -> AsyncGenerator[Event, None]:
        """`chat` for asyncio, with the same arguments; it stops when its consumer does."""
        return aio.iterate(
            self.chat(messages, tools, reasoning_effort, sampling, max_tokens, **setting)
        )

    def check_chat(self) -> None:
        """Raises Error if the model's tokens do not include harmony's."""
        if self.config.vocab_size <= max(t.FORMAT):
            raise Error(
                f"[chat] this model's {self.config.vocab_size} tokens do not include harmony's. "
                "Try: generate from token ids."
            )

    def _fresh(self, length: int) -> _core.Session:
        return _core.Session(self._core, length, 512)


def _checked_backend(name: str) -> str:
    if name not in BACKENDS:
        raise Error(f"[load] there is no backend {name!r}. Try: {' or '.join(BACKENDS)}.")
    if name not in _core.backends():
        raise Error(
            "[load] this build has no Metal backend. Try: the cpu backend here, or gptoss-metal's "
            "macOS wheel on a Mac with Apple Silicon."
        )
    return name
