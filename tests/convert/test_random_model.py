"""Random-weight files: the published shapes, sensible magnitudes, the same structure."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from safetensors.torch import load_file

from gptoss_metal.convert import SHAPES, describe, shape, verify, write_random_model
from gptoss_metal.convert.config import as_json, with_dense
from gptoss_metal.convert.layout import plan
from gptoss_metal.errors import Error

SMALL = shape(num_hidden_layers=3, hidden_size=128, intermediate_size=64, vocab_size=3000)


@pytest.mark.parametrize("dense", ["q8", "bf16"])
def test_file_is_sound(target: Path, dense: str) -> None:
    calls: list[tuple[int, int]] = []
    write_random_model(target, SMALL, dense, progress=lambda *call: calls.append(call))
    verify(target)
    what = describe(target)
    assert what["config"] == as_json(with_dense(SMALL, dense))
    assert what["source"]["kind"] == "random"
    assert not what["vocabulary"]
    assert calls[-1][0] == calls[-1][1]
    assert list(target.parent.iterdir()) == [target]


def test_magnitudes(target: Path) -> None:
    tensors = load_file(write_random_model(target, SMALL, seed=3))
    assert tensors["layers.1.attn_norm"].mean().item() == pytest.approx(1, abs=0.1)
    assert tensors["layers.1.qkv.bias"].abs().max() < 1
    for name in ("gate_up", "down"):
        scales = tensors[f"layers.2.{name}.scales"]
        assert (int(scales.min()), int(scales.max())) == (118, 122)
        assert tensors[f"layers.2.{name}.blocks"].view(-1).bincount().count_nonzero() == 256
    row = tensors["unembedding.q8"].float() * tensors[
        "unembedding.scale"
    ].float().repeat_interleave(32, dim=1)
    assert 0.3 < row.norm(dim=1).mean() < 3
    assert 0.3 < tensors["embedding"].float().std() * 128**0.5 < 3
    layers = [
        hashlib.sha256(tensors[f"layers.{i}.qkv.q8"].numpy().tobytes()).digest() for i in range(3)
    ]
    assert len(set(layers)) == 3


def test_seed_and_vocabulary(target: Path) -> None:
    def sums(name: str, **options: object) -> list[tuple[str, str]]:
        path = write_random_model(target.with_name(name), SMALL, **options)  # type: ignore[arg-type]
        return [(t["name"], t["sha256"]) for t in describe(path)["tensors"] if t["sha256"]]

    first = sums("a", seed=1)
    assert sums("b", seed=1) == first
    other = sums("c", seed=2)
    assert not {pair for pair in first if pair[0] != "tokenizer.o200k_base"} & set(other)
    assert sums("d", seed=1, tokenizer_bytes=b"word")[1:] == first[1:]
    assert describe(target.with_name("d"))["vocabulary"]


def test_large_tensors_repeat_the_pool(target: Path) -> None:
    config = shape(num_hidden_layers=1, hidden_size=64, intermediate_size=64, vocab_size=150_000)
    tensors = load_file(write_random_model(target, config, "bf16"))
    pool = (16 << 20) // 2
    flat = tensors["embedding"].view(-1)
    assert flat.numel() > pool
    assert (flat[pool:] == flat[: flat.numel() - pool]).all()
    assert (flat[: pool // 2] != flat[pool // 2 : pool]).float().mean() > 0.9


def test_published_shapes() -> None:
    twenty, hundred = plan(SHAPES["20b"], 3_613_922), plan(SHAPES["120b"], 3_613_922)
    assert twenty.parameters == 20_914_757_184
    assert hundred.parameters == 116_829_156_672
    assert twenty.data_bytes == 12_639_027_200
    assert hundred.data_bytes == 63_894_552_576


def test_refused(target: Path) -> None:
    target.write_text("precious")
    with pytest.raises(Error, match="exists already"):
        write_random_model(target, SMALL)
    with pytest.raises(Error, match="dense is 'q4'"):
        write_random_model(target, SMALL, "q4", overwrite=True)
    with pytest.raises(Error, match="the shape: hidden_size is 100"):
        shape(hidden_size=100)
    assert target.read_text() == "precious"
