"""`Model` on the real core: ids in, tokens and logits out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch.utils.dlpack

import gptoss_metal
from gptoss_metal import Cancelled, Error, Model, Sampling, _core
from tests.chat.models import write_small

GREEDY = Sampling(temperature=0)
PROMPT = list(range(1, 40))


@pytest.fixture(scope="module")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small") / "small.safetensors")


@pytest.fixture
def small(small_path: Path) -> Model:
    return Model.load(small_path)


def test_config_and_info(small: Model, small_path: Path) -> None:
    assert small.config.hidden_size == 64
    assert small.config.layer_types == ("sliding_attention", "full_attention")
    assert small.info.path == str(small_path)
    assert small.info.file_bytes == small_path.stat().st_size
    assert 0 < small.info.bytes_per_token < small.info.file_bytes
    assert small.info.backend == _core.default_backend()
    assert (small.info.device == "") == (small.info.backend == "cpu")
    assert small.info.dense == "q8"
    assert small.info.source["kind"] == "random"
    with pytest.raises(AttributeError):
        small.config.hidden_size = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"backend": "cuda"}, "there is no backend 'cuda'. Try: cpu or metal"),
        ({"backend": ""}, "there is no backend ''"),
        ({"precision": "half"}, "default or exact"),
        ({"threads": 0}, "0 threads"),
        ({"context": 0}, "0 tokens of context"),
        ({"context": 1025}, "1 to 1024"),
    ],
)
def test_bad_arguments(small_path: Path, wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(Error, match=r"^\[(load|context)\] .*Try: ") as caught:
        Model.load(small_path, **wrong)
    assert what in str(caught.value)


def test_the_cpu_backend_is_everywhere(small_path: Path) -> None:
    model = Model.load(small_path, backend="cpu")
    assert (model.info.backend, model.info.device) == ("cpu", "")
    assert _core.backends()[0] == "cpu"
    assert _core.default_backend() in _core.backends()


@pytest.mark.skipif("metal" in _core.backends(), reason="this build has it")
def test_a_build_without_metal_says_so(small_path: Path) -> None:
    with pytest.raises(Error, match=r"^\[load\] this build has no Metal backend\. Try: the cpu"):
        Model.load(small_path, backend="metal")
    with pytest.raises(Error, match=r"no Metal backend\. Try: "):
        _core.Model(str(small_path), backend="metal")
    assert not hasattr(_core, "Launcher")


@pytest.mark.parametrize(
    ("prompt", "what"),
    [
        ([], "empty"),
        ([1, 640], "token 640 at position 1 is out of range"),
        ([-1], "token -1"),
        ([2**40], "out of range"),
        ([2**70], "not a list of integers"),
        ([1.5], "not a list of integers"),
        (["a"], "not a list of integers"),
        ([[1, 2]], "not a list of integers"),
        ([1] * 1025, "do not fit a context of 1024"),
    ],
)
def test_bad_tokens(small: Model, prompt: Any, what: str) -> None:
    for call in (small.logits, small.generate):
        with pytest.raises(Error, match=r"^\[prompt\] .*Try: ") as caught:
            call(prompt)
        assert what in str(caught.value)


def test_a_full_context_leaves_no_room(small: Model) -> None:
    assert small.logits([1] * 1024).shape == (1024, 640)
    with pytest.raises(Error, match="fill the whole context"):
        small.generate([1] * 1024)
    tokens = list(small.generate([1] * 1020, GREEDY, stop_tokens=()))
    assert len(tokens) == 4


def test_generate_is_the_argmax_of_logits(small: Model) -> None:
    generation = small.generate(PROMPT, GREEDY, max_tokens=8, stop_tokens=())
    ids = [token.id for token in generation]
    assert generation.ids == ids
    assert generation.finish_reason == "length"
    logits = small.logits(PROMPT + ids)
    assert logits[len(PROMPT) - 1 : -1].argmax(1).tolist() == ids


def test_a_stop_token_is_the_last(small: Model) -> None:
    first = list(small.generate(PROMPT, GREEDY, max_tokens=8, stop_tokens=()))
    stop = first[3].id
    again = small.generate(PROMPT, GREEDY, max_tokens=8, stop_tokens=[stop])
    ids = [token.id for token in again]
    assert ids == [token.id for token in first][: ids.index(stop) + 1]
    assert again.finish_reason == "stop"


def test_seeds_repeat(small: Model) -> None:
    def run(seed: int) -> list[int]:
        return [t.id for t in small.generate(PROMPT, Sampling(seed=seed), max_tokens=12)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_logprobs_are_those_of_the_logits(small: Model) -> None:
    sampling = Sampling(seed=5, temperature=1.5, logprobs=3, repetition_penalty=1.3)
    tokens = list(small.generate(PROMPT, sampling, max_tokens=4, stop_tokens=()))
    logits = small.logits(PROMPT + [token.id for token in tokens]).astype(np.float64)
    for at, token in enumerate(tokens):
        row = logits[len(PROMPT) - 1 + at]
        expected = row - np.log(np.exp(row).sum())
        assert token.logprob == pytest.approx(expected[token.id], abs=1e-2)
        assert [i for i, _ in token.top_logprobs] == np.argsort(-row, kind="stable")[:3].tolist()


def test_sessions_are_reused(small: Model) -> None:
    first = small.generate(PROMPT, GREEDY, max_tokens=5, stop_tokens=())
    ids = [token.id for token in first]
    assert first.usage.cached_tokens == 0
    longer = PROMPT + ids + [7, 8, 9]
    second = small.generate(longer, GREEDY, max_tokens=1)
    list(second)
    assert second.usage.cached_tokens == len(PROMPT) + len(ids) - 1
    assert second.usage.prompt_tokens == len(longer)


def test_two_generations_at_a_time(small: Model) -> None:
    alone = [list(small.generate(p, GREEDY, max_tokens=6, stop_tokens=())) for p in ([5], [6])]
    left = small.generate([5], GREEDY, max_tokens=6, stop_tokens=())
    right = small.generate([6], GREEDY, max_tokens=6, stop_tokens=())
    both = list(zip(left, right, strict=True))
    assert [[pair[i] for pair in both] for i in (0, 1)] == alone


def test_threads_share_a_model(small: Model) -> None:
    prompts = [[i, i + 1, i + 2] for i in range(1, 7)]
    alone = [[t.id for t in small.generate(p, GREEDY, max_tokens=6)] for p in prompts]
    found: dict[int, list[int]] = {}

    def work(number: int) -> None:
        found[number] = [t.id for t in small.generate(prompts[number], GREEDY, max_tokens=6)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(len(prompts))] == alone


def test_closing_frees_the_session(small: Model) -> None:
    expected = [t.id for t in small.generate(PROMPT, GREEDY, max_tokens=6)]
    with small.generate(PROMPT, GREEDY) as generation:
        next(generation)
    assert list(generation) == []
    again = small.generate(PROMPT, GREEDY, max_tokens=6)
    assert [t.id for t in again] == expected
    assert again.usage.cached_tokens >= len(PROMPT) - 1


def test_cancelling_ends_it(small: Model) -> None:
    generation = small.generate(PROMPT, GREEDY, stop_tokens=())
    got = [next(generation), next(generation)]
    generation.cancel()
    assert list(generation) == []
    assert generation.finish_reason == "cancelled"
    again = small.generate(PROMPT, GREEDY, max_tokens=2, stop_tokens=())
    assert list(again) == got


def test_cancelling_before_it_begins(small: Model) -> None:
    generation = small.generate(PROMPT)
    generation.cancel()
    assert list(generation) == []
    assert generation.finish_reason == "cancelled"


def test_cancelling_a_long_prompt(demo_model: Model) -> None:
    session = demo_model.session(chunk=64)
    tokens = np.arange(20000, dtype=np.int32) % 1000
    over = threading.Event()

    def insist() -> None:
        while not over.wait(0.01):
            session.cancel()

    thread = threading.Thread(target=insist)
    thread.start()
    with pytest.raises(Cancelled):
        session.sync(tokens)
    over.set()
    thread.join()
    assert session.length < len(tokens)
    session.sync(tokens[:10])
    assert session.length == 10


def test_no_cancel_is_lost(demo_model: Model) -> None:
    """Whenever it comes, also just as the computation begins."""
    prompt = list(range(30000))
    for number in range(30):
        generation = demo_model.generate(prompt, GREEDY)
        timer = threading.Timer(number / 10000, generation.cancel)
        timer.start()
        assert list(generation) == []
        timer.join()
        assert generation.finish_reason == "cancelled"
        assert generation.usage.completion_tokens == 0


def test_models_without_vocabulary_speak_ids(small: Model) -> None:
    assert {token.text for token in small.generate(PROMPT, max_tokens=3)} == {""}
    with pytest.raises(Error, match="carries no tokenizer"):
        small.generate(PROMPT, Sampling(stop="x"))
    with pytest.raises(Error, match="do not include harmony's"):
        small.chat([{"role": "user", "content": "Hi"}])


def test_logits_pass_without_a_copy(small: Model) -> None:
    logits = small.logits(PROMPT)
    assert logits.dtype == np.float32
    assert logits.shape == (len(PROMPT), 640)
    assert torch.utils.dlpack.from_dlpack(logits).data_ptr() == logits.ctypes.data
    assert np.from_dlpack(logits).ctypes.data == logits.ctypes.data


def test_mlx_takes_logits_through_dlpack(small: Model) -> None:
    """MLX owns its memory on the CPU: it takes the capsule, and copies."""
    mx = pytest.importorskip("mlx.core")
    logits = small.logits(PROMPT)
    taken = mx.from_dlpack(logits)
    assert taken.dtype == mx.float32
    np.testing.assert_array_equal(np.array(taken), logits)


def test_public_names() -> None:
    for name in gptoss_metal.__all__:
        assert getattr(gptoss_metal, name) is not None
    with pytest.raises(AttributeError):
        gptoss_metal.nothing  # noqa: B018
