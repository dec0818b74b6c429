"""Prompts: openai_harmony as the oracle, history by our own rules, replay of generated ids."""

from __future__ import annotations

import datetime
import json
from typing import Any

import openai_harmony as oh
import pytest

from gptoss_metal import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.render import today as true_today  # before the tests fix it
from gptoss_metal.harmony.tools import Tool, read_tools
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.scripted import done, events_of

USER = {"role": "user", "content": "What is 27 + 15?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Gets the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The city."}},
            "required": ["city"],
        },
    },
}
DATE = "2026-01-01"


def rendered(tokenizer: Vocabulary, messages: list[dict[str, Any]], **setting: Any) -> str:
    """The prompt as text, without its system message and the start of the answer."""
    text = tokenizer.text(Renderer(tokenizer).prompt(messages, Setting(date=DATE, **setting)).ids)
    assert text.endswith("<|start|>assistant")
    return text[text.index("<|end|>") + 7 : -len("<|start|>assistant")]


def by_harmony(tokenizer: Vocabulary, *messages: oh.Message) -> list[int]:
    ids: list[int] = tokenizer.encoding.render_conversation_for_completion(
        oh.Conversation.from_messages(messages),
        oh.Role.ASSISTANT,
        config=oh.RenderConversationConfig(auto_drop_analysis=False),
    )
    return ids


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
@pytest.mark.parametrize("instructions", [None, "Be brief.\n"])
@pytest.mark.parametrize("tools", [[], [WEATHER]])
def test_prompts_are_those_of_openai_harmony(
    tokenizer: Vocabulary, effort: str, instructions: str | None, tools: list[Any]
) -> None:
    system = (
        oh.SystemContent.new()
        .with_conversation_start_date(DATE)
        .with_reasoning_effort(oh.ReasoningEffort[effort.upper()])
    )
    expected = [oh.Message.from_role_and_content(oh.Role.SYSTEM, system)]
    developer = oh.DeveloperContent.new()
    if instructions:
        developer = developer.with_instructions(instructions)
    if tools:
        function = WEATHER["function"]
        assert isinstance(function, dict)
        developer = developer.with_function_tools([oh.ToolDescription(**function)])
    if instructions or tools:
        expected.append(oh.Message.from_role_and_content(oh.Role.DEVELOPER, developer))
    expected += [
        oh.Message.from_role_and_content(oh.Role.USER, "Hi <|end|> \U0001f9ff"),
        oh.Message.from_role_and_content(oh.Role.ASSISTANT, "Hm.").with_channel("analysis"),
        oh.Message.from_role_and_content(oh.Role.ASSISTANT, "Hello.").with_channel("commentary"),
        oh.Message.from_author_and_content(
            oh.Author.new(oh.Role.TOOL, "functions.get_weather"), "sunny"
        )
        .with_channel("commentary")
        .with_recipient("assistant"),
    ]
    call = {"id": "1", "function": {"name": "get_weather", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi <|end|> \U0001f9ff"},
        {"role": "assistant", "content": "Hello.", "reasoning": "Hm.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    setting = Setting(effort, instructions, read_tools(tools), date=DATE)
    got = list(Renderer(tokenizer).prompt(messages, setting).ids)
    # The call itself stands in the model's own order, which openai_harmony changes.
    text = "commentary to=functions.get_weather <|constrain|>json<|message|>{}<|call|>"
    own = [t.START, t.ASSISTANT, t.CHANNEL, *tokenizer.encode(text, specials=True)]
    at = next(i for i in range(len(got)) if got[i : i + len(own)] == own)
    assert got[:at] + got[at + len(own) :] == by_harmony(tokenizer, *expected)


def test_today_is_the_default_date(tokenizer: Vocabulary, today: str) -> None:
    text = tokenizer.text(Renderer(tokenizer).prompt([USER], Setting()).ids)
    assert f"Current date: {today}\n" in text
    assert true_today() == datetime.date.today().isoformat()


def test_system_and_developer_are_one_developer_message(tokenizer: Vocabulary) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
        USER,
    ]
    assert rendered(tokenizer, messages, instructions="Zero.").startswith(
        "<|start|>developer<|message|># Instructions\n\nZero.\n\nOne.\n\nTwo.<|end|><|start|>user"
    )


def turn(question: str, thought: str, answer: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer, "reasoning_content": thought},
    ]


def calls(thought: str, result: str | None) -> list[dict[str, Any]]:
    call = {"id": thought, "function": {"name": "f", "arguments": {"x": 1}}}
    message = {"role": "assistant", "content": None, "thinking": thought, "tool_calls": [call]}
    if result is None:
        return [message]
    return [message, {"role": "tool", "tool_call_id": thought, "content": result}]


def test_reasoning_before_the_last_final_is_dropped(tokenizer: Vocabulary) -> None:
    three = [
        *turn("q1", "cot1", "a1"),
        *turn("q2", "cot2", "a2"),
        {"role": "user", "content": "q3"},
    ]
    text = rendered(tokenizer, three)
    assert "cot" not in text
    assert all(part in text for part in ("q1", "a1", "q2", "a2", "q3"))


def test_reasoning_of_a_tool_loop_is_kept(tokenizer: Vocabulary) -> None:
    question = {"role": "user", "content": "q2"}
    loop = [*turn("q1", "cot1", "a1"), question, *calls("cot2", "r2"), *calls("cot3", "r3")]
    text = rendered(tokenizer, loop)
    assert "cot1" not in text
    assert "cot2" in text
    assert "cot3" in text
    answered = [*loop, {"role": "assistant", "content": "a2"}, {"role": "user", "content": "q3"}]
    text = rendered(tokenizer, answered)
    assert "cot" not in text
    assert text.count("to=functions.f") == 2
    assert "r2" in text
    assert "r3" in text


def test_built_in_calls_are_reasoning(tokenizer: Vocabulary) -> None:
    call = {"id": "1", "recipient": "python", "function": {"name": "python", "arguments": "1+1"}}
    history: list[dict[str, Any]] = [
        {"role": "user", "content": "q1"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "2"},
    ]
    text = rendered(tokenizer, history)
    assert "<|channel|>analysis to=python code<|message|>1+1<|call|>" in text
    assert "<|start|>python to=assistant<|channel|>analysis<|message|>2<|end|>" in text
    final = [*history, {"role": "assistant", "content": "a"}, {"role": "user", "content": "q2"}]
    assert "python" not in rendered(tokenizer, final)


def test_calls_of_functions_on_analysis_stay_with_their_results(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>analysis to=functions.f <|constrain|>json<|message|>{}<|call|>"
    message = done(events_of(tokenizer, stream)).message
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "r"}
    final = {"role": "assistant", "content": "a"}
    text = rendered(tokenizer, [USER, message, result, final, USER])
    assert stream in text
    assert "<|start|>functions.f to=assistant<|channel|>commentary<|message|>r<|end|>" in text


STREAMS = {
    "answer": "<|channel|>final<|message|>One two.<|return|>",
    "thought and answer": "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    "<|channel|>final<|message|>One two.<|return|>",
    "call": "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary"
    ' to=functions.get_weather <|constrain|>json<|message|>{"city": "Oslo"}<|call|>',
    "call in another order": " to=functions.get_weather<|channel|>commentary <|constrain|>json"
    '<|message|>{"city" :"Oslo"}<|call|>',
    "odd tokens": "<|channel|>final<|message|>",
}


@pytest.mark.parametrize("name", STREAMS)
def test_generated_ids_are_replayed(tokenizer: Vocabulary, name: str) -> None:
    """Even when the same text would be encoded otherwise."""
    ids = tokenizer.encode(STREAMS[name], specials=True)
    if name == "odd tokens":
        ids += [token for letter in "One two." for token in tokenizer.encode(letter)]
        ids.append(t.RETURN)
    message = json.loads(json.dumps(done(events_of(tokenizer, ids)).message))
    renderer = Renderer(tokenizer)
    prompt = renderer.prompt([USER], Setting(date=DATE)).ids
    follow = {"role": "user", "content": "More."}
    if message.get("tool_calls"):
        follow = {
            "role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"
        }  # fmt: skip
    got = renderer.prompt([USER, message, follow], Setting(date=DATE)).ids
    kept = ids[:-1]
    if name == "thought and answer":  # the thought is over: it is dropped
        kept = kept[kept.index(t.START) + 2 :]
    end = t.CALL if message.get("tool_calls") else t.END
    expected = (*prompt, *kept, end)
    assert got[: len(expected)] == expected
    if name == "odd tokens":  # without its ids, the same text is other tokens
        del message["harmony"]
        got = renderer.prompt([USER, message, follow], Setting(date=DATE)).ids
        assert got[: len(expected)] != expected


@pytest.mark.parametrize(
    "edit", [{"content": "Three."}, {"tool_calls": []}, {"tool_calls": None, "content": "x"}]
)
def test_edited_messages_are_rendered_anew(tokenizer: Vocabulary, edit: dict[str, Any]) -> None:
    message = done(events_of(tokenizer, STREAMS["call"])).message | edit
    text = rendered(tokenizer, [USER, message])
    assert ("Oslo" in text) == ("tool_calls" not in edit)
    assert (edit.get("content") or "") in text


def test_tools_without_description_or_parameters(tokenizer: Vocabulary) -> None:
    tools: list[dict[str, Any]] = [
        {"type": "function", "name": "now"},
        {"name": "then", "parameters": {}},
    ]
    text = rendered(tokenizer, [USER], tools=read_tools(tools))
    assert "type now = () => any;" in text
    assert "type then = () => any;" in text


def test_references_reach_the_model(tokenizer: Vocabulary) -> None:
    parameters = {
        "type": "object",
        "$defs": {"Unit": {"type": "string", "enum": ["C", "F"]}},
        "properties": {
            "unit": {"$ref": "#/$defs/Unit"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
    text = rendered(tokenizer, [USER], tools=[Tool("f", "", parameters)])
    assert 'unit?: "C" | "F",' in text
    assert "note?: string | null," in text


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize("tools", [[], [Tool("f")]])
@pytest.mark.parametrize("instructions", [None, "Be brief."])
def test_a_response_format_ends_the_developer_message(
    tokenizer: Vocabulary, tools: list[Tool], instructions: str | None
) -> None:
    body = {"name": "place", "description": "A place.", "schema": SCHEMA}
    form = {"type": "json_schema", "json_schema": body}
    text = rendered(tokenizer, [USER], tools=tools, instructions=instructions, response_format=form)
    ending = "# Response Formats\n\n## place\n\n// A place.\n" + json.dumps(
        SCHEMA, separators=(",", ":")
    )
    assert f"{ending}<|end|><|start|>user" in text
    assert text.startswith("<|start|>developer<|message|># ")
    assert ("Be brief.\n\n" in text) == bool(instructions)


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([], "no messages"),
        ("hello", "not a list"),
        ([{"role": "robot", "content": "x"}], "'robot'"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "image_url"),
        ([{"role": "user", "content": 5}], "not text"),
        ([{"role": "tool", "tool_call_id": "x", "content": "y"}], "answers no call"),
        ([{"role": "assistant", "tool_calls": [{"function": {}}]}], "function name"),
        ([{"role": "assistant", "content": "x", "harmony": [{"tokens": "a"}]}], "harmony"),
        (["hello"], "role None"),
    ],
)
def test_bad_messages(tokenizer: Vocabulary, messages: Any, what: str) -> None:
    with pytest.raises(Error, match=r"^\[chat\] .*Try: ") as caught:
        rendered(tokenizer, messages)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "browser"}],
        [{"name": "two words"}],
        [{"name": ""}],
        [{"description": "x"}],
        [{"name": "a"}, {"name": "a"}],
        [{"name": "a", "parameters": []}],
        [{"name": "a", "description": 1}],
        ["a"],
    ],
)
def test_bad_tools(tools: list[Any]) -> None:
    with pytest.raises(Error, match=r"^\[tools\] .*Try: "):
        read_tools(tools)


@pytest.mark.parametrize("form", [{"type": "xml"}, {"type": "json_schema"}, {}])
def test_bad_response_formats(tokenizer: Vocabulary, form: dict[str, Any]) -> None:
    with pytest.raises(Error, match=r"^\[chat\] the response format"):
        rendered(tokenizer, [USER], response_format=form)


def test_bad_effort() -> None:
    with pytest.raises(Error, match="low, medium or high"):
        Setting("extreme")


def test_lone_surrogates_are_replaced(tokenizer: Vocabulary) -> None:
    text = rendered(tokenizer, [{"role": "user", "content": "a\ud800b"}], instructions="\udfff")
    assert "a�b" in text
