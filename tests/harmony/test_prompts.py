"""Prompts with every kind of tool, histories in the order the model knows, and what is replayed."""

from __future__ import annotations

import json
from typing import Any

import openai_harmony as oh
import pytest

from gptoss_metal import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.tools import BuiltIn, Tool
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.scripted import done, events_of
from tests.chat.test_render import DATE, USER, rendered

FUNCTION = Tool("f", "Does it.", {"type": "object", "properties": {"x": {"type": "integer"}}})
PATCH = Tool("apply_patch", "Changes files.", freeform=True)


def system(tokenizer: Vocabulary, **setting: Any) -> str:
    ids = Renderer(tokenizer).prompt([USER], Setting(date=DATE, **setting)).ids
    return tokenizer.text(ids).partition("<|end|>")[0]


@pytest.mark.parametrize("builtins", [(), ("browser",), ("python",), ("browser", "python")])
@pytest.mark.parametrize("tools", [(), (FUNCTION,)])
def test_built_in_tools_are_defined_as_trained(
    tokenizer: Vocabulary, builtins: tuple[BuiltIn, ...], tools: tuple[Tool, ...]
) -> None:
    content = oh.SystemContent.new().with_conversation_start_date(DATE)
    if "browser" in builtins:
        content = content.with_browser_tool()
    if "python" in builtins:
        content = content.with_python_tool()
    options = oh.RenderOptions(conversation_has_function_tools=bool(tools))
    message = oh.Message.from_role_and_content(oh.Role.SYSTEM, content)
    expected = tokenizer.text(tokenizer.encoding.render(message, options))
    found = system(tokenizer, builtins=builtins, tools=tools)
    assert found + "<|end|>" == expected
    assert ("type search = (_: {" in found) == ("browser" in builtins)
    assert ("stateful Jupyter" in found) == ("python" in builtins)
    line = "Calls to these tools must go to the commentary channel: 'functions'."
    assert found.endswith(line) == bool(tools)


def test_unknown_built_in_tools() -> None:
    with pytest.raises(Error, match=r"no built-in tool 'shell'.*Try: browser or python"):
        Setting(builtins=("shell",))  # type: ignore[arg-type]


def test_custom_tools_take_a_string(tokenizer: Vocabulary) -> None:
    lark = Tool("say", "", freeform=True, grammar={"syntax": "lark", "definition": 'start: "a"\n'})
    text = rendered(tokenizer, [USER], tools=[FUNCTION, PATCH, lark])
    raw = "// Write the raw input as the message body: plain text, no JSON, no quotes around it."
    assert f"// Changes files.\n{raw}\ntype apply_patch = (_: string) => any;" in text
    assert (
        f'{raw}\n// The input must match this Lark grammar:\n// start: "a"\n'
        "type say = (_: string) => any;" in text
    )
    assert text.startswith("<|start|>developer<|message|># Tools\n\n## functions\n\nnamespace")


RAW = "*** Begin Patch\n*** <|end|> Patch"


def test_custom_calls_are_raw_text(tokenizer: Vocabulary) -> None:
    call = {"id": "1", "type": "custom", "custom": {"name": "apply_patch", "input": RAW}}
    result = {"role": "tool", "tool_call_id": "1", "content": "Done!"}
    text = rendered(tokenizer, [USER, {"role": "assistant", "tool_calls": [call]}, result])
    assert text.endswith(
        f"<|channel|>commentary to=functions.apply_patch code<|message|>{RAW}<|call|><|start|>"
        "functions.apply_patch to=assistant<|channel|>commentary<|message|>Done!<|end|>"
    )
    for broken in ({"name": "f", "input": 5}, {"input": "x"}, {}):
        wrong = {"id": "1", "type": "custom", "custom": broken}
        with pytest.raises(Error, match=r"^\[chat\] message 0.*Try: "):
            rendered(tokenizer, [{"role": "assistant", "tool_calls": [wrong]}])


def test_generated_custom_calls_are_replayed(tokenizer: Vocabulary) -> None:
    stream = f"<|channel|>analysis to=functions.apply_patch code<|message|>{RAW[:15]}<|call|>"
    message = done(events_of(tokenizer, stream, tools=[PATCH])).message
    custom = {"name": "apply_patch", "input": RAW[:15]}
    assert message["tool_calls"][0]["custom"] == custom
    assert message["tool_calls"][0]["type"] == "custom"
    assert stream in rendered(tokenizer, [USER, json.loads(json.dumps(message))])
    del message["harmony"]
    text = rendered(tokenizer, [USER, message])
    assert "<|channel|>commentary to=functions.apply_patch code<|message|>" in text


def calls(*names: str) -> dict[str, Any]:
    made = [{"id": n, "function": {"name": n, "arguments": f'{{"n":"{n}"}}'}} for n in names]
    return {"role": "assistant", "content": "I look.", "reasoning": "Hm.", "tool_calls": made}


def result(id_: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": text}


def order(text: str, *parts: str) -> bool:
    """Whether the parts stand in the text in this order."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def test_parallel_calls_become_pairs(tokenizer: Vocabulary) -> None:
    """The model calls one tool at a time; results come in any order."""
    messages = [USER, calls("a", "b", "c"), result("c", "R3"), result("a", "R1"), result("b", "R2")]
    text = rendered(tokenizer, messages)
    assert order(
        text,
        "<|channel|>analysis<|message|>Hm.<|end|>",
        "<|channel|>commentary<|message|>I look.<|end|>",
        'to=functions.a <|constrain|>json<|message|>{"n":"a"}<|call|>',
        "<|start|>functions.a to=assistant<|channel|>commentary<|message|>R1<|end|>",
        '{"n":"b"}<|call|>',
        "<|start|>functions.b to=assistant<|channel|>commentary<|message|>R2<|end|>",
        '{"n":"c"}<|call|>',
        "<|start|>functions.c to=assistant<|channel|>commentary<|message|>R3<|end|>",
    )


def test_missing_results_and_ids_used_again(tokenizer: Vocabulary) -> None:
    messages = [USER, calls("a", "b"), result("b", "R1"), calls("b"), result("b", "R2"), USER]
    text = rendered(tokenizer, messages)
    assert order(text, '{"n":"a"}', '{"n":"b"}', "R1", '{"n":"b"}<|call|>', "R2", "<|start|>user")
    assert text.index("R1") < text.rindex('{"n":"b"}') < text.index("R2")
    # without an id, where it stands
    loose = {"role": "tool", "name": "a", "content": "R0"}
    assert order(rendered(tokenizer, [USER, calls("a"), USER, loose]), "<|call|>", "user", "R0")


def test_built_in_results_answer_on_the_channel_of_the_call(tokenizer: Vocabulary) -> None:
    for channel in ("analysis", "commentary"):
        stream = f'<|channel|>{channel} to=browser.search code<|message|>{{"query": "x"}}<|call|>'
        message = done(events_of(tokenizer, stream)).message
        answer = result(message["tool_calls"][0]["id"], "L0: x")
        text = rendered(tokenizer, [USER, message, answer])
        header = f"<|start|>browser.search to=assistant<|channel|>{channel}<|message|>"
        assert text.endswith(f"{stream}{header}L0: x<|end|>")


def thought(text: str, answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": answer, "reasoning": text}


def question(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_the_drop_rule(tokenizer: Vocabulary) -> None:
    """The two conversations that openai_harmony's own dropping gets wrong (API.md 1.3)."""
    over = [question("q1"), thought("cot1", "a1"), question("q2"), thought("cot2", "a2"),
            question("q3")]  # fmt: skip
    text = rendered(tokenizer, over)
    assert "cot" not in text
    assert order(text, "q1", "a1", "q2", "a2", "q3")
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
    loop = [question("q1"), thought("cot1", "a1"), question("q2"),
            {"role": "assistant", "reasoning": "cot2", "tool_calls": [call]},
            result("1", "r2")]  # fmt: skip
    text = rendered(tokenizer, loop)
    assert "cot1" not in text
    assert order(text, "q1", "a1", "q2", "cot2", "to=functions.f", "r2")


def test_marks_stand_behind_messages(tokenizer: Vocabulary) -> None:
    messages = [{"role": "system", "content": "Be brief."}, USER, calls("a"), result("a", "R")]
    prompt = Renderer(tokenizer).prompt(messages, Setting(date=DATE, tools=[FUNCTION]))
    text = tokenizer.text(prompt.ids)
    # system, developer, user, thought, preamble, call, result
    assert len(prompt.marks) == 7
    assert [prompt.ids[mark - 1] for mark in prompt.marks] == [t.END] * 5 + [t.CALL, t.END]
    assert all(prompt.ids[mark] == t.START for mark in prompt.marks)
    assert list(prompt.marks) == sorted(set(prompt.marks))
    assert prompt.marks[-1] == len(prompt.ids) - 2
    assert text.endswith("<|start|>assistant")
    longer = Renderer(tokenizer).prompt([*messages, USER], Setting(date=DATE, tools=[FUNCTION]))
    assert longer.ids[: prompt.marks[-1]] == prompt.ids[:-2]


STREAM = (
    "<|channel|>analysis<|message|>I think.<|end|><|start|>assistant"
    "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
    " to=functions.f<|channel|>commentary json<|message|>"
    '{"x" :1}<|call|>'
)


def generated(tokenizer: Vocabulary) -> dict[str, Any]:
    """A message whose ids differ from what its text would be encoded as."""
    ids = tokenizer.encode(STREAM, specials=True)
    at = ids.index(tokenizer.encode("I think")[0])
    odd = [token for letter in "I think" for token in tokenizer.encode(letter)]
    message = done(events_of(tokenizer, [*ids[:at], *odd, *ids[at + 2 :]])).message
    copy: dict[str, Any] = json.loads(json.dumps(message))
    return copy


def prompt_ids(tokenizer: Vocabulary, message: dict[str, Any]) -> tuple[int, ...]:
    return Renderer(tokenizer).prompt([USER, message], Setting(date=DATE)).ids


def holds(ids: tuple[int, ...], part: list[int]) -> bool:
    return any(ids[at : at + len(part)] == tuple(part) for at in range(len(ids)))


@pytest.mark.parametrize(
    ("edit", "kept"),
    [
        ({}, [0, 1, 2]),
        ({"reasoning": None}, [0, 1, 2]),
        ({"reasoning": "Else."}, [1, 2]),
        ({"content": "Else."}, [0, 2]),
        ({"content": ""}, [0, 2]),
        ({"tool_calls": None}, [0, 1]),
        ({"arguments": '{"x": 2}'}, [0, 1]),
        ({"id": "mine"}, [0, 1, 2]),
        ({"content": "Else.", "arguments": '{"x": 2}'}, [0]),
    ],
)
def test_what_was_not_edited_is_replayed(
    tokenizer: Vocabulary, edit: dict[str, Any], kept: list[int]
) -> None:
    message = generated(tokenizer)
    parts = [part["tokens"] for part in message["harmony"]]
    assert len(parts) == 3
    call = message["tool_calls"][0]
    call["function"]["arguments"] = edit.pop("arguments", call["function"]["arguments"])
    call["id"] = edit.pop("id", call["id"])
    message |= edit
    ids = prompt_ids(tokenizer, message)
    assert [number for number, part in enumerate(parts) if holds(ids, part)] == kept
    text = tokenizer.text(ids)
    for key in ("content", "reasoning"):
        assert (message.get(key) or "") in text
    assert ("to=functions.f" in text) == bool(message.get("tool_calls"))
    if message.get("tool_calls"):
        answer = result(call["id"], "R")
        both = Renderer(tokenizer).prompt([USER, message, answer], Setting(date=DATE))
        assert "functions.f to=assistant" in tokenizer.text(both.ids)
