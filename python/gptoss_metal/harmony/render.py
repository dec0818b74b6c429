"""Messages to tokens: the prompt of a turn."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.entries import Entry, drop_analysis
from gptoss_metal.harmony.messages import Dialogue, Message, read_messages
from gptoss_metal.harmony.tools import BuiltIn, Tool, check_builtins, read_tools
from gptoss_metal.harmony.vocabulary import Vocabulary, well_formed

if TYPE_CHECKING:
    from openai_harmony import DeveloperContent, SystemContent

EFFORTS: Final = ("low", "medium", "high")
IDENTITY: Final = "You are ChatGPT, a large language model trained by OpenAI."
KNOWLEDGE_CUTOFF: Final = "2024-06"


@dataclass(frozen=True)
class Setting:
    """What a turn's prompt says before the conversation.

    Attributes:
        reasoning_effort: ``low``, ``medium`` or ``high``.
        instructions: for the developer message, before those of the messages.
        tools: functions the model may call.
        response_format: ``{"type": "json_schema", "json_schema": {…}}``, ``json_object``, or None.
        date: ``YYYY-MM-DD``; today if None.
        identity: first line of the system message.
        builtins: tools the model was trained on, defined in the system message.
    """

    reasoning_effort: str = "medium"
    instructions: str | None = None
    tools: Sequence[Tool] = field(default=())
    response_format: Mapping[str, Any] | None = None
    date: str | None = None
    identity: str = IDENTITY
    builtins: Sequence[BuiltIn] = field(default=())

    def __post_init__(self) -> None:
        """Raises Error if the effort is not one of the three, or a built-in tool unknown."""
        check_builtins(self.builtins)
        if self.reasoning_effort not in EFFORTS:
            raise Error(
                f"[chat] the reasoning effort {self.reasoning_effort!r} does not exist. "
                "Try: low, medium or high."
            )


@dataclass(frozen=True)
class Prompt:
    """What the model is asked to go on with.

    Attributes:
        ids: its tokens; they end with ``<|start|>assistant``.
        marks: ascending positions, each behind the last token of a message: what conversations
            share ends there.
    """

    ids: tuple[int, ...]
    marks: tuple[int, ...]


class Renderer:
    """Renders conversations with one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def prompt(self, messages: Sequence[Message], setting: Setting) -> Prompt:
        """A conversation, ready for the assistant's next turn.

        Args:
            messages: see `read_messages`; reasoning that is over is left out, and what the model
                generated is replayed as the ids it generated.
            setting: system and developer message.

        Raises:
            Error: a message or the setting cannot be read.
        """
        dialogue = read_messages(messages)
        parts = self._opening(dialogue, setting)
        parts += [self.entry(entry) for entry in drop_analysis(dialogue.entries)]
        marks = tuple(itertools.accumulate(len(part) for part in parts))
        ids = (token for part in parts for token in part)
        return Prompt((*ids, t.START, t.ASSISTANT), marks)

    def entry(self, entry: Entry) -> list[int]:
        """The ids of one message, from ``<|start|>`` to ``<|end|>`` or ``<|call|>``."""
        if entry.tokens is not None:
            return list(entry.tokens)
        if entry.role == "assistant":
            return self._assistant(entry)
        body = self._vocabulary.encode(entry.text)
        if entry.role == "user":
            header = self._vocabulary.encode("user")
            return [t.START, *header, t.MESSAGE, *body, t.END]
        header = self._vocabulary.encode(f"{entry.author} to=assistant")
        channel = self._vocabulary.encode(entry.channel or "commentary")
        return [t.START, *header, t.CHANNEL, *channel, t.MESSAGE, *body, t.END]

    def _assistant(self, entry: Entry) -> list[int]:
        """In the order the model writes: channel, recipient, type (openai-harmony's differs)."""
        ids = [t.START, t.ASSISTANT, t.CHANNEL]
        body = self._vocabulary.encode(entry.text)
        channel = entry.channel or "final"
        if entry.recipient is None:
            return [*ids, *self._vocabulary.encode(channel), t.MESSAGE, *body, t.END]
        functions = entry.recipient.startswith("functions.")
        kind = entry.kind or ("json" if functions else "code")
        address = f"{channel} to={entry.recipient} "
        if kind == "json":
            ids += [*self._vocabulary.encode(address), t.CONSTRAIN]
            ids += self._vocabulary.encode(kind)
        else:
            ids += self._vocabulary.encode(address + kind)
        return [*ids, t.MESSAGE, *body, t.CALL]

    def _opening(self, dialogue: Dialogue, setting: Setting) -> list[list[int]]:
        import openai_harmony as oh

        render = self._vocabulary.encoding.render
        tools = read_tools(setting.tools)
        options = oh.RenderOptions(conversation_has_function_tools=bool(tools))
        system = oh.Message.from_role_and_content(oh.Role.SYSTEM, _system(setting))
        ids: list[int] = render(system, options)
        texts = [text for text in (setting.instructions, *dialogue.instructions) if text]
        formats = response_format_text(setting.response_format)
        if not (texts or tools or formats):
            return [ids]
        content = _developer("\n\n".join(texts), tools)
        message = oh.Message.from_role_and_content(oh.Role.DEVELOPER, content)
        developer: list[int] = render(message, options)
        if formats:
            # openai-harmony knows no response formats: they are appended to the text it renders.
            start = developer.index(t.MESSAGE) + 1
            text = self._vocabulary.text(developer[start:-1])
            body = self._vocabulary.encode(f"{text}\n\n{formats}" if text else formats)
            developer = [*developer[:start], *body, t.END]
        return [ids, developer]


def response_format_text(response_format: Mapping[str, Any] | None) -> str:
    """The developer message's section on structured output, empty if the answer is free text.

    Raises:
        Error: a format of an unknown type, or a schema that is none.
    """
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if response_format is None or kind == "text":
        return ""
    if kind == "json_object":
        return '# Response Formats\n\n## json\n\n{"type":"object"}'
    if kind != "json_schema":
        raise Error(
            f"[chat] the response format {kind!r} does not exist. "
            "Try: text, json_object or json_schema."
        )
    body = response_format.get("json_schema", response_format)
    schema = body.get("schema") if isinstance(body, Mapping) else None
    if not isinstance(schema, Mapping):
        raise Error(
            "[chat] the response format has no schema. "
            'Try: {"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}.'
        )
    name, description = body.get("name") or "response", body.get("description")
    comment = f"// {description}\n" if description else ""
    text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    return f"# Response Formats\n\n## {name}\n\n{comment}{text}"


def today() -> str:
    """The date that prompts state, ``YYYY-MM-DD``, here and now."""
    return datetime.date.today().isoformat()


def _system(setting: Setting) -> SystemContent:
    import openai_harmony as oh

    effort = oh.ReasoningEffort[setting.reasoning_effort.upper()]
    content = oh.SystemContent(
        model_identity=well_formed(setting.identity),
        reasoning_effort=effort,
        knowledge_cutoff=KNOWLEDGE_CUTOFF,
        conversation_start_date=setting.date or today(),
    )
    if "browser" in setting.builtins:
        content = content.with_browser_tool()
    if "python" in setting.builtins:
        content = content.with_python_tool()
    return content


def _developer(instructions: str, tools: Sequence[Tool]) -> DeveloperContent:
    import openai_harmony as oh

    content = oh.DeveloperContent.new()
    if instructions:
        content = content.with_instructions(well_formed(instructions))
    if tools:
        content = content.with_function_tools([tool.described() for tool in tools])
    return content
