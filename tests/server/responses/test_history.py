"""Items to messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.history import Answer, read_history
from gptoss_metal.server.responses.items_in import Item, ItemReader
from gptoss_metal.server.responses.seal import Seal

USER = {"role": "user", "content": "Go."}


def thought(text: str, **more: Any) -> Item:
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "summary": [], "content": content, **more}


def said(text: str, **more: Any) -> Item:
    return {"type": "message", "role": "assistant", "content": text, **more}


def call(id_: str, name: str = "f", **more: Any) -> Item:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": "{}", **more}


def result(id_: str, output: Any = "done") -> Item:
    return {"type": "function_call_output", "call_id": id_, "output": output}


def messages(items: list[Any], known: dict[str, Answer] | None = None) -> list[dict[str, Any]]:
    reader = ItemReader(Seal(Path("unused")), lambda id_: None)
    return read_history(reader.read(Fields({"input": items})), (known or {}).get)


def called(id_: str, name: str = "f") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}


def test_the_items_of_a_turn_make_one_message() -> None:
    told = messages([USER, thought("A"), call("c1"), result("c1"), thought("B"), said("Done.")])
    assert told == [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": "", "reasoning": "A", "tool_calls": [called("c1")]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": "Done.", "reasoning": "B"},
    ]


def test_several_calls_at_once_are_one_turn() -> None:
    told = messages([USER, thought("A"), call("c1"), call("c2"), result("c1"), result("c2")])
    assert told[1]["tool_calls"] == [called("c1"), called("c2")]
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "tool"]


def test_a_preamble_stands_with_the_call() -> None:
    told = messages([USER, thought("A"), said("I look.", phase="commentary"), call("c1")])
    assert told[1] == {
        "role": "assistant",
        "content": "I look.",
        "reasoning": "A",
        "tool_calls": [called("c1")],
    }


def test_turns_after_each_other_stay_apart() -> None:
    told = messages([thought("A"), said("One."), thought("B"), said("Two.")])
    assert [message["content"] for message in told] == ["One.", "Two."]
    told = messages([call("c1"), thought("B"), said("Two.")])
    assert [message.get("reasoning") for message in told] == [None, "B"]


def test_messages_of_one_turn_are_joined_as_harmony_joins_them() -> None:
    told = messages([thought("A"), said("I look.", phase="commentary"), thought("B"), said("It.")])
    assert told == [{"role": "assistant", "content": "I look.\n\nIt.", "reasoning": "A\n\nB"}]


def test_namespaces_and_custom_tools() -> None:
    told = messages(
        [
            call("c1", namespace="agents"),
            result("c1"),
            {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "***"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "ok"},
        ]
    )
    assert told[0]["tool_calls"] == [called("c1", "agents__f")]
    assert told[2]["tool_calls"] == [
        {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "***"}}
    ]
    assert told[3] == {"role": "tool", "tool_call_id": "c2", "content": "ok"}


def test_tools_of_the_clients_machine() -> None:
    told = messages(
        [
            {
                "type": "apply_patch_call",
                "call_id": "c1",
                "operation": {"type": "delete_file", "path": "a"},
                "status": "completed",
            },
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed"},
            {"type": "shell_call", "call_id": "c2", "action": {"commands": ["ls"]}},
            {
                "type": "shell_call_output",
                "call_id": "c2",
                "output": [
                    {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
                    {"stdout": "", "stderr": "no", "outcome": {"type": "exit", "exit_code": 2}},
                    {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
                ],
            },
            {
                "type": "local_shell_call",
                "id": "lsh_1",
                "call_id": "c3",
                "action": {"type": "exec", "command": ["ls", "-l"], "env": {}},
            },
            {"type": "local_shell_call_output", "id": "c3", "output": "b"},
        ]
    )
    functions = [m["tool_calls"][0]["function"] for m in told if m["role"] == "assistant"]
    assert functions == [
        {
            "name": "apply_patch",
            "arguments": '{"type": "delete_file", "path": "a", "diff": ""}',
        },
        {"name": "shell", "arguments": '{"commands": ["ls"]}'},
        {"name": "local_shell", "arguments": '{"command": ["ls", "-l"]}'},
    ]
    outputs = [(m["tool_call_id"], m["content"]) for m in told if m["role"] == "tool"]
    assert outputs == [
        ("c1", "completed"),
        ("c2", "a\nno\n[exit code 2]\n[timed out]"),
        ("c3", "b"),
    ]


def test_an_output_may_have_parts() -> None:
    parts = [
        {"type": "input_text", "text": "one"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        "two",
    ]
    told = messages([call("c1"), result("c1", parts)])
    assert told[1]["content"] == "one\n[image left out: gpt-oss reads text only]\ntwo"
    assert messages([call("c1"), result("c1", None)])[1]["content"] == ""
    assert messages([call("c1"), result("c1", {"a": 1})])[1]["content"] == '{"a": 1}'


def test_hosted_calls_of_other_servers() -> None:
    told = messages(
        [
            USER,
            thought("A"),
            {"type": "web_search_call", "id": "ws", "status": "completed", "action": {}},
            {
                "type": "code_interpreter_call",
                "id": "ci",
                "code": "print(1)",
                "outputs": [{"type": "logs", "logs": "1\n"}],
            },
            {"type": "code_interpreter_call", "id": "ci2", "code": "print(2)", "outputs": None},
            said("Done."),
        ]
    )
    assert told[1]["reasoning"] == "A"
    assert told[1]["tool_calls"][0]["recipient"] == "python"
    assert told[2] == {"role": "tool", "tool_call_id": "ci", "content": "1\n"}
    assert told[3] == {"role": "assistant", "content": "Done."}


def test_reasoning_falls_back_to_its_summary() -> None:
    summary = [{"type": "summary_text", "text": "In short."}]
    told = messages([{"type": "reasoning", "id": "rs", "summary": summary}, said("Done.")])
    assert told[0]["reasoning"] == "In short."


def answer(*items: Item) -> Answer:
    full = ItemReader(Seal(Path("unused")), lambda id_: None).read(Fields({"input": list(items)}))
    return Answer(full, [{"role": "assistant", "content": "as generated"}])


KNOWN = answer(thought("A", id="rs_1"), call("c1", id="fc_1"))


@pytest.mark.parametrize(
    "items",
    [
        [thought("A", id="rs_1"), call("c1", id="fc_1")],
        [thought("A"), call("c1")],
        [call("c1")],
        [{"type": "reasoning", "id": "rs_1", "summary": []}, call("c1")],
    ],
)
def test_a_known_answer_is_told_as_it_was_generated(items: list[Item]) -> None:
    known = {"rs_1": KNOWN, "fc_1": KNOWN, "c1": KNOWN}
    told = messages([USER, *items, result("c1"), said("Then.")], known)
    assert [message["content"] for message in told] == ["Go.", "as generated", "done", "Then."]


@pytest.mark.parametrize(
    "items",
    [
        [thought("B", id="rs_1"), call("c1", id="fc_1")],
        [thought("A", id="rs_1"), call("c1", name="g", id="fc_1")],
        [thought("A", id="rs_1"), said("I look."), call("c1", id="fc_1")],
        [thought("A", id="rs_1"), call("c9")],
        [thought("A", id="rs_1")],
    ],
)
def test_an_edited_answer_is_told_as_the_client_tells_it(items: list[Item]) -> None:
    known = {"rs_1": KNOWN, "fc_1": KNOWN, "c1": KNOWN}
    told = messages([USER, *items], known)
    assert "as generated" not in [message["content"] for message in told]


def test_known_answers_after_each_other() -> None:
    other = answer(thought("C", id="rs_2"), said("Two.", id="msg_2"))
    known = {"rs_1": KNOWN, "c1": KNOWN, "rs_2": other, "msg_2": other}
    items = [thought("A", id="rs_1"), call("c1"), thought("C", id="rs_2"), said("Two.", id="msg_2")]
    assert len(messages(items, known)) == 2


def test_references_are_resolved() -> None:
    kept = {"id": "msg_1", "type": "message", "role": "user", "content": [{"text": "Kept."}]}
    reader = ItemReader(Seal(Path("unused")), {"msg_1": kept}.get)
    items: list[Any] = [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}]
    assert reader.read(Fields({"input": items})) == [kept, kept]
    with pytest.raises(Problem, match=r"no item 'msg_2'") as found:
        reader.read(Fields({"input": [{"id": "msg_2"}]}))
    assert found.value.status == 404
