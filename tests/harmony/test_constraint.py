"""The constraint in the token loop: it fits every vocabulary, and never stops a turn."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import llguidance
import numpy as np
import pytest

from gptoss_metal import Model, Sampling
from gptoss_metal.events import Done, Text
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar import grammars as module
from gptoss_metal.harmony.grammar.constraint import TurnConstraint, harmony_mask
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.masks import MaskAhead
from tests.chat.scripted import VOCAB
from tests.harmony.follow import allowed, refused

STREAM = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>4"
USER = [{"role": "user", "content": "What is 27 + 15?"}]


@pytest.mark.parametrize("vocab", [200013, 200064, 201087, 201088, 201089, 201120, 262144])
def test_masks_fit_the_logits(tokenizer: Vocabulary, grammars: Grammars, vocab: int) -> None:
    """A model may have fewer or more logits than the vocabulary has tokens."""
    other = Grammars(tokenizer, vocab)
    other._tokenizer = grammars._built()
    constraint = other.turn()
    for mask in (constraint.mask(), harmony_mask(vocab)):
        assert (mask.dtype, mask.shape) == (np.uint32, ((vocab + 31) // 32,))
    assert refused(tokenizer, constraint, STREAM) == ""
    found = allowed(constraint)
    assert max(found) == t.RETURN
    assert np.array_equal(found[:-1], allowed(in_answer(grammars, tokenizer))[:-1])
    sampler = Sampling(seed=1).sampler(vocab)
    logits = np.zeros(vocab, np.float32)
    logits[t.ORDINARY :] = 100  # all specials are likelier than any word
    assert sampler.sample(logits, constraint.mask()) == t.RETURN
    assert sampler.sample(logits, harmony_mask(vocab)) in t.FORMAT


def in_answer(grammars: Grammars, tokenizer: Vocabulary) -> TurnConstraint:
    constraint = grammars.turn()
    assert refused(tokenizer, constraint, STREAM) == ""
    return constraint


def test_the_fallback_is_harmony_and_words() -> None:
    bits = np.unpackbits(harmony_mask(VOCAB).view(np.uint8), bitorder="little")
    assert set(np.flatnonzero(bits).tolist()) == set(range(t.ORDINARY)) | t.FORMAT


def free(constraint: TurnConstraint) -> bool:
    return bool(np.array_equal(constraint.mask(), harmony_mask(VOCAB)))


def test_a_forbidden_token_ends_the_grammar_not_the_turn(grammars: Grammars) -> None:
    constraint = grammars.turn()
    constraint.mask()
    constraint.accept(t.MESSAGE)
    assert constraint.failure
    for token in (5, t.END, t.START, -1, 10**7):
        assert free(constraint)
        constraint.accept(token)


@pytest.mark.parametrize("grammar", ["nonsense", '{"grammars": [{"lark_grammar": "start: @x"}]}'])
def test_a_grammar_that_does_not_compile(grammars: Grammars, grammar: str) -> None:
    constraint = TurnConstraint(
        lambda: llguidance.LLMatcher(grammars._built(), grammar, log_level=0),
        harmony_mask(VOCAB),
        VOCAB,
    )
    assert free(constraint)
    assert constraint.failure
    constraint.accept(5)
    assert free(constraint)


def test_a_grammar_that_becomes_too_much(tokenizer: Vocabulary, grammars: Grammars) -> None:
    """llguidance gives up in the middle of a turn: the turn goes on."""
    narrow = llguidance.LLParserLimits(step_max_items=50, verbose_errors=False)
    grammar = '{"grammars": [{"lark_grammar": "start: a*\\na: /[a-z]/ | /[a-y]/ | a a"}]}'
    constraint = TurnConstraint(
        lambda: llguidance.LLMatcher(grammars._built(), grammar, log_level=0, limits=narrow),
        harmony_mask(VOCAB),
        VOCAB,
    )
    for token in tokenizer.encode("some letters") * 4:
        constraint.accept(token)
        constraint.mask()
    assert constraint.failure
    assert free(constraint)


@pytest.mark.parametrize(
    ("grammar", "words", "reason"),
    [
        ("nonsense", "", "does not compile"),
        ('start: "Secret plan" | "Secret man"', "Secret plot", "forbids the token"),
    ],
)
def test_the_log_tells_once_and_quotes_nothing(
    tokenizer: Vocabulary,
    grammars: Grammars,
    caplog: pytest.LogCaptureFixture,
    grammar: str,
    words: str,
    reason: str,
) -> None:
    text = json.dumps({"grammars": [{"lark_grammar": grammar}]}) if words else grammar
    constraint = TurnConstraint(
        lambda: llguidance.LLMatcher(grammars._built(), text, log_level=0),
        harmony_mask(VOCAB),
        VOCAB,
    )
    for token in tokenizer.encode(words) * 3:
        constraint.mask()
        constraint.accept(token)
    constraint.mask()
    assert constraint.failure
    [told] = [record.getMessage() for record in caplog.records]
    assert reason in told
    assert not any(word in told for word in ("nonsense", "Secret", "plan", "plot"))


def test_a_turn_without_a_grammar_goes_on(
    demo_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "turn_grammar", lambda *args, **more: "nonsense")
    events = list(demo_model.chat(USER, sampling=Sampling(temperature=0), max_tokens=120))
    assert isinstance(events[-1], Done)
    assert "42" in events[-1].message["content"]


def test_after_the_end_nothing_raises(tokenizer: Vocabulary, grammars: Grammars) -> None:
    constraint = grammars.turn()
    assert refused(tokenizer, constraint, STREAM + "2<|return|>") == ""
    for _ in range(3):
        constraint.mask()
        constraint.accept(t.RETURN)


def test_the_vocabulary_is_built_once(
    tokenizer: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when a turn is made, but with its first mask; and by one of many threads."""
    real, built = module.build_tokenizer, []

    def counted(vocabulary: Vocabulary) -> llguidance.LLTokenizer:
        built.append(threading.get_ident())
        return real(vocabulary)

    monkeypatch.setattr(module, "build_tokenizer", counted)
    fresh = Grammars(tokenizer, VOCAB)
    constraints = [fresh.turn(tools=[Tool(f"f{number % 3}")]) for number in range(6)]
    assert built == []
    with ThreadPoolExecutor(6) as threads:
        masks = list(threads.map(TurnConstraint.mask, constraints))
    assert len(built) == 1
    assert all(np.array_equal(mask, masks[0]) for mask in masks)


def test_turns_do_not_share_their_state(tokenizer: Vocabulary, grammars: Grammars) -> None:
    """Copies of one compiled grammar run on many threads, each at its own place."""
    names = [f"tool_{number}" for number in range(8)]
    tools = [Tool(name) for name in names]

    def run(name: str) -> str:
        thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
        call = f" to=functions.{name}<|channel|>commentary json<|message|>{{}}<|call|>"
        return refused(tokenizer, grammars.turn(tools=tools), thought + call)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(run, names * 4)) == {""}


class Waiting:
    """A constraint whose masks wait for the device to be busy, and which notes what it is asked."""

    def __init__(self) -> None:
        self.busy = threading.Event()
        self.seen: list[tuple[str, int]] = []
        self.threads: set[int] = set()

    def mask(self) -> None:
        assert self.busy.wait(20), "the mask was not computed beside the step"
        self.busy.clear()
        self.seen.append(("mask", -1))
        self.threads.add(threading.get_ident())

    def accept(self, token: int) -> None:
        self.seen.append(("accept", token))
        self.threads.add(threading.get_ident())


def test_masks_are_computed_beside_the_step() -> None:
    constraint = Waiting()
    with MaskAhead(constraint) as masks:
        constraint.busy.set()  # the prompt
        assert masks.next() is None
        for token in (5, 6):
            masks.accept(token)
            constraint.busy.set()  # the step
            assert masks.next() is None
    assert constraint.seen == [
        ("mask", -1), ("accept", 5), ("mask", -1), ("accept", 6), ("mask", -1)
    ]  # fmt: skip
    assert len(constraint.threads) == 1
    assert threading.get_ident() not in constraint.threads


def test_no_constraint_needs_no_thread() -> None:
    before = threading.active_count()
    with MaskAhead(None) as masks:
        masks.accept(1)
        assert masks.next() is None
        assert threading.active_count() == before


def test_the_prompt_hides_the_building(demo_model: Model, tokenizer: Vocabulary) -> None:
    """A turn is begun before the grammar exists, and its first token obeys it all the same."""
    model = Model.load(demo_model.info.path)
    generation = model.chat(USER, sampling=Sampling(temperature=0), max_tokens=1)
    list(generation)
    assert generation.ids == [t.CHANNEL]


def test_a_mask_changes_no_log_probability(demo_model: Model) -> None:
    """They are those of the model itself, whatever the grammar forbids."""
    sampling = Sampling(temperature=0, logprobs=2)
    turn = demo_model.chat(USER, sampling=sampling, response_format={"type": "json_object"})
    told = [token for event in turn if isinstance(event, Text) for token in event.tokens]
    assert told[0].text.startswith("{")
    ids = turn.ids
    at = len(ids) - ids[::-1].index(t.MESSAGE)
    logits = demo_model.logits([*_prompt(demo_model), *ids[:at]])[-1].astype(np.float64)
    expected = logits - np.log(np.exp(logits).sum())
    assert told[0].id == ids[at]
    assert told[0].logprob == pytest.approx(expected[ids[at]], abs=1e-2)
    assert told[0].top_logprobs[0][0] == int(np.argmax(logits))


def _prompt(model: Model) -> list[int]:
    setting = Setting(response_format={"type": "json_object"})
    return list(Renderer(model.vocabulary).prompt(USER, setting).ids)
