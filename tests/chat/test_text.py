"""Text of raw generations: whole characters, stop strings, specials written out."""

from __future__ import annotations

import numpy as np

from gptoss_metal import Sampling, Token
from gptoss_metal.generation import Request, Run
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sessions import SessionPool
from gptoss_metal.text import with_text
from tests.chat.scripted import VOCAB, ScriptedSession


def run(
    tokenizer: Vocabulary, script: list[int], stop: tuple[str, ...] = (), limit: int | None = None
) -> tuple[list[Token], str | None]:
    session = ScriptedSession([*script, t.END_OF_TEXT])
    generation = Run(SessionPool(lambda: session))  # type: ignore[arg-type, return-value]
    sampling = Sampling(temperature=0, stop=stop)
    request = Request(np.array([1], np.int32), sampling, limit, t.STOP, VOCAB)
    tokens = list(with_text(generation, generation.sample(request), tokenizer, stop))
    return tokens, generation.progress.finish_reason


def test_characters_come_whole(tokenizer: Vocabulary) -> None:
    text = "a \U0001f9ff b"
    ids = tokenizer.encode(text)
    tokens, reason = run(tokenizer, ids)
    assert [token.id for token in tokens] == [*ids, t.END_OF_TEXT]
    assert "".join(token.text for token in tokens) == text
    assert not any("�" in token.text for token in tokens)
    assert reason == "stop"


def test_broken_characters_at_the_end(tokenizer: Vocabulary) -> None:
    ids = tokenizer.encode("\U0001f9ff")
    tokens, reason = run(tokenizer, ids, limit=len(ids) - 1)
    assert "".join(token.text for token in tokens) == "�"
    assert reason == "length"


def test_stop_strings(tokenizer: Vocabulary) -> None:
    ids = tokenizer.encode("one two three four")
    tokens, reason = run(tokenizer, ids, ("o three",))
    assert "".join(token.text for token in tokens) == "one tw"
    assert [token.id for token in tokens] == ids[:3]
    assert reason == "stop"
    tokens, _ = run(tokenizer, ids, ("four!", "x"))
    assert "".join(token.text for token in tokens) == "one two three four"


def test_specials_are_written_out(tokenizer: Vocabulary) -> None:
    ids = tokenizer.encode("<|channel|>final<|message|>x<|end|>", specials=True)
    tokens, _ = run(tokenizer, [*ids, 200000, t.RETURN])
    assert "".join(token.text for token in tokens) == (
        "<|channel|>final<|message|>x<|end|><|reserved_200000|>"
    )
