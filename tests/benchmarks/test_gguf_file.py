"""The GGUF file holds our weights, by the judgement of the gguf package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader, dequantize

from benchmarks.peers.gguf_file import write_gguf
from benchmarks.peers.model_file import ModelFile
from gptoss_metal.convert import shape, write_random_model
from gptoss_metal.errors import Error
from tests.reference.formats import bf16_decode, mxfp4_decode, q8_decode

LAYER = 1
OURS, THEIRS = f"layers.{LAYER}.", f"blk.{LAYER}."


class Twins:
    """A tensor of either file, as float64."""

    def __init__(self, model: Path, gguf: Path) -> None:
        self._model = ModelFile(model)
        self._gguf = {tensor.name: tensor for tensor in GGUFReader(gguf).tensors}

    def theirs(self, name: str) -> Any:
        tensor = self._gguf[name]
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float64)

    def kind(self, name: str) -> Kind:
        return self._gguf[name].tensor_type

    def plain(self, name: str) -> Any:
        return self._model[name].astype(np.float64)

    def bits(self, name: str) -> Any:
        return bf16_decode(self._model[name])

    def dense(self, name: str) -> Any:
        return q8_decode(self._model[name + ".q8"], self._model[name + ".scale"])

    def experts(self, name: str) -> Any:
        return mxfp4_decode(self._model[name + ".blocks"], self._model[name + ".scales"])


@pytest.fixture(scope="module")
def twins(model: Path, gguf: Path) -> Twins:
    return Twins(model, gguf)


@pytest.mark.parametrize(
    ("theirs", "ours", "rows"),
    [
        ("ffn_gate_exps", "gate_up", slice(0, None, 2)),
        ("ffn_up_exps", "gate_up", slice(1, None, 2)),
        ("ffn_down_exps", "down", slice(None)),
    ],
)
def test_experts_keep_their_values(twins: Twins, theirs: str, ours: str, rows: slice) -> None:
    name = f"{THEIRS}{theirs}"
    assert twins.kind(f"{name}.weight") == Kind.MXFP4
    experts = twins.experts(OURS + ours)[:, rows]
    np.testing.assert_array_equal(twins.theirs(f"{name}.weight"), experts)
    biases = twins.plain(f"{OURS}{ours}.bias")[:, rows]
    np.testing.assert_array_equal(twins.theirs(f"{name}.bias"), biases)


@pytest.mark.parametrize(
    ("theirs", "rows"),
    [("attn_q", slice(0, 256)), ("attn_k", slice(256, 384)), ("attn_v", slice(384, 512))],
)
def test_projections_keep_their_values(twins: Twins, theirs: str, rows: slice) -> None:
    name = f"{THEIRS}{theirs}"
    assert twins.kind(f"{name}.weight") == Kind.Q8_0
    np.testing.assert_array_equal(twins.theirs(f"{name}.weight"), twins.dense(OURS + "qkv")[rows])
    np.testing.assert_array_equal(
        twins.theirs(f"{name}.bias"), twins.plain(OURS + "qkv.bias")[rows]
    )


def test_other_tensors_keep_their_values(twins: Twins) -> None:
    for theirs, ours in (
        (THEIRS + "attn_output.weight", twins.dense(OURS + "out")),
        (THEIRS + "attn_output.bias", twins.plain(OURS + "out.bias")),
        (THEIRS + "attn_sinks.weight", twins.plain(OURS + "sinks")),
        (THEIRS + "attn_norm.weight", twins.plain(OURS + "attn_norm")),
        (THEIRS + "post_attention_norm.weight", twins.plain(OURS + "mlp_norm")),
        (THEIRS + "ffn_gate_inp.weight", twins.bits(OURS + "router")),
        (THEIRS + "ffn_gate_inp.bias", twins.plain(OURS + "router.bias")),
        ("output.weight", twins.dense("unembedding")),
        ("output_norm.weight", twins.plain("final_norm")),
    ):
        np.testing.assert_array_equal(twins.theirs(theirs), ours, err_msg=theirs)


def test_embedding_is_rounded_to_q8(twins: Twins) -> None:
    theirs, ours = twins.theirs("token_embd.weight"), twins.bits("embedding")
    groups = np.abs(ours).reshape(len(ours), -1, 32).max(-1, keepdims=True)
    error = np.abs(theirs - ours).reshape(len(ours), -1, 32)
    assert (error <= groups * (0.51 / 127 + 2.0**-11)).all()
    assert twins.kind("token_embd.weight") == Kind.Q8_0


def test_config_is_told(gguf: Path) -> None:
    fields = {name: field.contents() for name, field in GGUFReader(gguf).fields.items()}
    assert fields["general.architecture"] == "gpt-oss"
    assert fields["gpt-oss.block_count"] == 2
    assert fields["gpt-oss.expert_count"] == 4
    assert fields["gpt-oss.attention.head_count_kv"] == 2
    assert fields["gpt-oss.attention.sliding_window"] == 128
    assert fields["gpt-oss.rope.scaling.factor"] == 32
    assert len(fields["tokenizer.ggml.tokens"]) == 500


def test_a_shape_that_llama_cpp_cannot_have(tmp_path: Path) -> None:
    odd = shape(num_hidden_layers=1, num_local_experts=4, hidden_size=64, intermediate_size=64,
                vocab_size=64, swiglu_limit=5.0)  # fmt: skip
    source = write_random_model(tmp_path / "odd.safetensors", odd)
    with pytest.raises(Error, match=r"^\[peers\] llama.cpp's gpt-oss has a SwiGLU limit"):
        write_gguf(source, tmp_path / "odd.gguf")
    assert list(tmp_path.iterdir()) == [source]


def test_nothing_half_written_stays(model: Path, tmp_path: Path) -> None:
    def stop(name: str) -> None:
        if name == "output.weight":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gguf(model, tmp_path / "half.gguf", stop)
    assert list(tmp_path.iterdir()) == []
