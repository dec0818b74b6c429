"""Dialogues as harmony tokens: prompts by openai_harmony, answers as the model generates them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from openai_harmony import (
    Author,
    Conversation,
    DeveloperContent,
    HarmonyEncodingName,
    Message,
    ReasoningEffort,
    RenderConversationConfig,
    Role,
    SystemContent,
    ToolDescription,
    load_harmony_encoding,
)

from gptoss_metal.harmony.tokens import CALL, CHANNEL, CONSTRAIN, END, MESSAGE, RETURN, START

from .dialogue import Dialogue, Setting
from .turns import Analysis, Call, Event, Final, Result, Turn
from .weather import NAME, parameters

EFFORTS = {
    "low": ReasoningEffort.LOW,
    "medium": ReasoningEffort.MEDIUM,
    "high": ReasoningEffort.HIGH,
}


@dataclass(frozen=True)
class Sample:
    """A dialogue as tokens.

    Attributes:
        prefix: the system and developer messages.
        tokens: everything after them, up to and including the last turn's ``<|return|>``.
        generated: for each of ``tokens``, whether the model generates it in the last turn.
    """

    prefix: tuple[int, ...]
    tokens: tuple[int, ...]
    generated: tuple[bool, ...]

    @property
    def prompt(self) -> tuple[int, ...]:
        """All tokens before the first generated one."""
        return self.prefix + self.tokens[: self.generated.index(True)]


class Renderer:
    """Renders with openai_harmony; the vocabulary must be installed before (vocabulary.py)."""

    def __init__(self) -> None:
        """Load the harmony encoding."""
        self.encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
        self._texts: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Return the ids of ordinary text."""
        ids = self._texts.get(text)
        if ids is None:
            ids = self._texts[text] = self.encoding.encode(text, disallowed_special=())
        return ids

    def prefix(self, setting: Setting) -> tuple[int, ...]:
        """Return the tokens of the system message and, if there is one, the developer message."""
        system = (
            SystemContent.new()
            .with_model_identity(setting.identity)
            .with_reasoning_effort(EFFORTS[setting.effort])
        )
        if setting.date is not None:
            system = system.with_conversation_start_date(setting.date)
        messages = [Message.from_role_and_content(Role.SYSTEM, system)]
        if setting.instructions is not None or setting.tool is not None:
            developer = DeveloperContent.new()
            if setting.instructions is not None:
                developer = developer.with_instructions(setting.instructions)
            if setting.tool is not None:
                description, city = setting.tool
                tool = ToolDescription.new(NAME, description, parameters=parameters(city))
                developer = developer.with_function_tools([tool])
            messages.append(Message.from_role_and_content(Role.DEVELOPER, developer))
        config = RenderConversationConfig(auto_drop_analysis=False)
        conversation = Conversation.from_messages(messages)
        return tuple(self.encoding.render_conversation(conversation, config))

    def user(self, text: str) -> list[int]:
        """Return the tokens of a user's message."""
        return list(self.encoding.render(Message.from_role_and_content(Role.USER, text)))

    def result(self, result: Result) -> list[int]:
        """Return the tokens of a function's result."""
        message = Message.from_author_and_content(
            Author.new(Role.TOOL, f"functions.{result.name}"), result.text
        )
        message = message.with_recipient("assistant").with_channel("commentary")
        return list(self.encoding.render(message))

    def body(self, event: Event, stop: bool) -> list[int]:
        """Return the tokens of an assistant's message after ``<|start|>assistant``.

        Args:
            event: the message.
            stop: whether an answer ends as generated, with ``<|return|>``, not as in history.
        """
        if isinstance(event, Call):
            header = self.encode(f"commentary to=functions.{event.name} ")
            text = self.encode(event.arguments)
            return [CHANNEL, *header, CONSTRAIN, *self.encode("json"), MESSAGE, *text, CALL]
        if isinstance(event, Result):
            raise TypeError("a result is not an assistant's message")
        channel = "analysis" if isinstance(event, Analysis) else "final"
        end = RETURN if stop and isinstance(event, Final) else END
        return [CHANNEL, *self.encode(channel), MESSAGE, *self.encode(event.text), end]

    def rerendered_call(self, call: Call) -> list[int]:
        """Return a past call as openai_harmony writes it: recipient before channel."""
        message = (
            Message.from_role_and_content(Role.ASSISTANT, call.arguments)
            .with_channel("commentary")
            .with_recipient(f"functions.{call.name}")
            .with_content_type("<|constrain|>json")
        )
        return list(self.encoding.render(message))

    def past(self, turn: Turn, rerender: bool) -> list[int]:
        """Return a finished turn as history: without its analysis, ended by ``<|end|>``."""
        start = [START, *self.encode("assistant")]
        tokens = self.user(turn.user)
        for event in turn.events:
            if isinstance(event, Result):
                tokens += self.result(event)
            elif isinstance(event, Call) and rerender:
                tokens += self.rerendered_call(event)
            elif not isinstance(event, Analysis):
                tokens += start + self.body(event, stop=False)
        return tokens

    def last(self, turn: Turn, rerender: bool) -> tuple[list[int], list[bool]]:
        """Return the turn to be generated, and which of its tokens are generated."""
        start = [START, *self.encode("assistant")]
        tokens = self.user(turn.user) + start
        generated = [False] * len(tokens)
        for number, event in enumerate(turn.events):
            if isinstance(event, Result):
                new = self.result(event) + start
                flag = False
            else:
                new = self.body(event, stop=True)
                if isinstance(event, Analysis) and number + 1 < len(turn.events):
                    new = new + start
                flag = True
            if rerender and isinstance(event, Call):
                # as a client sends it back: the call itself is then not a generated text, and
                # the analysis before it ends without the start of another message
                tokens, generated = tokens[: -len(start)], generated[: -len(start)]
                new, flag = self.rerendered_call(event), False
            tokens += new
            generated += [flag] * len(new)
        return tokens, generated

    def sample(self, dialogue: Dialogue, rng: random.Random | None = None) -> Sample:
        """Return a dialogue as tokens; with `rng`, one of six has its calls re-rendered."""
        tokens: list[int] = []
        rerender = rng is not None and rng.random() < 0.16
        for turn in dialogue.turns[:-1]:
            tokens += self.past(turn, rerender)
        last, generated = self.last(dialogue.turns[-1], rerender)
        flags = [False] * len(tokens) + generated
        return Sample(self.prefix(dialogue.setting), tuple(tokens + last), tuple(flags))
