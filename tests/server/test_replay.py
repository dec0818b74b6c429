"""The model's own words, for clients that send only text back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.server.replay import Replay

ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


def turn(content: str = "", *calls: tuple[str, str, str], reasoning: str = "Hm.") -> dict[str, Any]:
    """A message as `Done` has it."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "reasoning": reasoning}
    if calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in calls
        ]
    message["harmony"] = [
        {"channel": "final", "recipient": None, "text": content, "tokens": [1, 2]}
    ]
    return message


def client_call(id_: str | None, name: str, arguments: Any) -> dict[str, Any]:
    """A call as clients send it back."""
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return call if id_ is None else {"id": id_, **call}


def restored(replay: Replay, message: dict[str, Any]) -> Any:
    """What becomes of a client's message after the question."""
    return replay.restore([*ASKED, message])[-1]


def test_an_answer_is_known_by_its_text() -> None:
    replay, said = Replay(), turn("It is sunny.")
    replay.remember(said, ASKED)
    for content in ("It is sunny.", " It is sunny.\n", [{"type": "text", "text": "It is sunny."}]):
        assert restored(replay, {"role": "assistant", "content": content}) == said


def test_the_same_words_to_another_question_are_others() -> None:
    replay = Replay()
    replay.remember(turn("Yes."), ASKED)
    other = [{"role": "user", "content": "Really?"}, {"role": "assistant", "content": "Yes."}]
    assert replay.restore(other) == other


def test_the_place_in_the_conversation_does_not_matter() -> None:
    replay, said = Replay(), turn("It is sunny.")
    replay.remember(said, [{"role": "user", "content": "Hi"}, turn("Hello."), *ASKED])
    assert restored(replay, {"role": "assistant", "content": "It is sunny."}) == said


def test_edited_words_stay_the_clients() -> None:
    replay = Replay()
    replay.remember(turn("It is sunny."), ASKED)
    edited = {"role": "assistant", "content": "It rains."}
    assert restored(replay, edited) is edited


@pytest.mark.parametrize(
    "arguments", ['{"city":"Paris"}', '{ "city" : "Paris" }', {"city": "Paris"}]
)
@pytest.mark.parametrize("content", [None, "", "I look."])
def test_a_call_is_known_by_its_id(arguments: Any, content: str | None) -> None:
    replay = Replay()
    said = turn("I look.", ("call_1", "get_weather", '{"city":"Paris"}'))
    replay.remember(said, ASKED)
    sent = {"role": "assistant", "content": content,
            "tool_calls": [client_call("call_1", "get_weather", arguments)]}  # fmt: skip
    assert restored(replay, sent) == said


def test_a_call_without_an_id_or_with_another_is_known_by_what_it_says() -> None:
    replay = Replay()
    replay.remember(turn("", ("call_1", "get_weather", '{"city":"Paris"}')), ASKED)
    for id_ in (None, "toolu_9"):
        call = client_call(id_, "get_weather", '{"city": "Paris"}')
        found = restored(replay, {"role": "assistant", "tool_calls": [call]})
        assert found["harmony"]
        # The client's own id, which its result will quote.
        assert found["tool_calls"][0]["id"] == (id_ or "call_1")
        assert found["tool_calls"][0]["function"]["arguments"] == '{"city":"Paris"}'


def test_thinking_comes_back_to_an_edited_call_unless_the_client_has_its_own() -> None:
    replay = Replay()
    replay.remember(turn("", ("call_1", "get_weather", '{"city":"Paris"}')), ASKED)
    call = client_call("call_1", "get_weather", '{"city":"Rome"}')
    found = restored(replay, {"role": "assistant", "tool_calls": [call]})
    assert found["reasoning"] == "Hm."
    assert "harmony" not in found
    assert found["tool_calls"] == [call]
    own = {"role": "assistant", "tool_calls": [call], "reasoning": "Mine."}
    assert restored(replay, own) is own


def test_what_the_client_replays_itself_is_left_alone() -> None:
    replay, said = Replay(), turn("It is sunny.")
    replay.remember(turn("It is sunny.", reasoning="Other."), ASKED)
    assert restored(replay, said) is said


def test_turns_outlive_the_server(tmp_path: Path) -> None:
    said = turn("", ("call_1", "get_weather", '{"city":"Paris"}'))
    Replay(tmp_path / "replay.sqlite").remember(said, ASKED)  # and never closed, as if killed
    replay = Replay(tmp_path / "replay.sqlite")
    call = client_call("call_1", "get_weather", '{ "city": "Paris" }')
    assert restored(replay, {"role": "assistant", "content": None, "tool_calls": [call]}) == said
    assert (tmp_path / "replay.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_damaged_memory_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "replay.sqlite"
    path.write_bytes(b"no database" * 1000)
    replay = Replay(path)
    replay.remember(turn("Yes."), ASKED)
    assert "harmony" in restored(replay, {"role": "assistant", "content": "Yes."})
    assert [p.name for p in tmp_path.glob("*.damaged-*")]


def test_a_turn_without_tokens_is_not_remembered() -> None:
    replay = Replay()
    replay.remember({"role": "assistant", "content": "x"}, ASKED)
    assert replay.bytes == 0


def test_the_oldest_unused_turns_are_forgotten() -> None:
    size = Replay()
    size.remember(turn("answer 0"), ASKED)
    replay = Replay(most_bytes=3 * size.bytes)
    for number in range(3):
        replay.remember(turn(f"answer {number}"), ASKED)
    restored(replay, {"role": "assistant", "content": "answer 0"})
    replay.remember(turn("answer 3"), ASKED)
    known = [
        "harmony" in restored(replay, {"role": "assistant", "content": f"answer {number}"})
        for number in range(4)
    ]
    assert known == [True, False, True, True]
    assert replay.bytes <= 3 * size.bytes


def test_a_repeated_answer_outlives_its_older_copy() -> None:
    size = Replay()
    size.remember(turn("same"), ASKED)
    replay = Replay(most_bytes=2 * size.bytes)
    for _ in range(5):
        replay.remember(turn("same"), ASKED)
    assert "harmony" in restored(replay, {"role": "assistant", "content": "same"})


@pytest.mark.parametrize(
    "calls", [None, "x", [None], [{}], [{"function": None}], [{"function": {"arguments": 3}}]]
)
def test_broken_messages_pass_through(calls: Any) -> None:
    replay = Replay()
    replay.remember(turn("x"), ASKED)
    message = {"role": "assistant", "content": 3, "tool_calls": calls}
    assert restored(replay, message) == message
