"""The weights of a model file as a GGUF file for llama.cpp, tensor by tensor.

MXFP4 and q8 weights keep their values exactly; the embedding, bfloat16 with us, becomes Q8_0 as in
the files that llama.cpp's authors publish. The vocabulary is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from numpy.typing import NDArray

from gptoss_metal.config import Config
from gptoss_metal.convert.config import alternating
from gptoss_metal.convert.numbers import quantize_q8, widen
from gptoss_metal.errors import Error

from .model_file import ModelFile

GROUP: Final = 32
SWIGLU_LIMIT: Final = 7.0
ROWS: Final = 4096
"""Of the embedding, quantized at a time."""

Kind = gguf.GGMLQuantizationType
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Tensor:
    """One tensor to be written.

    ``make`` gives its bytes in pieces; ``shape`` is the stored one: for quantized kinds the last
    size is in bytes.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    make: Callable[[], Iterator[NDArray[Any]]]


def write_gguf(source: Path, target: Path, progress: Progress = lambda name: None) -> Path:
    """Write ``target`` from a model file of q8 and return it; nothing half-written stays.

    Raises:
        Error: llama.cpp's gpt-oss cannot have this config, or the source is no such file.
    """
    model = ModelFile(source)
    _check(model.config)
    part = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(part, "gpt-oss")
    try:
        _describe(writer, model.config)
        tensors = list(_tensors(model))
        for tensor in tensors:
            # The dtype only tells the writer that the shape is in bytes.
            dtype = np.dtype(np.float32 if tensor.kind == Kind.F32 else np.uint8)
            size = int(np.prod(tensor.shape)) * dtype.itemsize
            writer.add_tensor_info(tensor.name, tensor.shape, dtype, size, tensor.kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            progress(tensor.name)
            _write(writer, tensor)
        writer.close()
        part.rename(target)
    finally:
        writer.close()
        part.unlink(missing_ok=True)
    return target


def _check(config: Config) -> None:
    same = [
        (config.dense == "q8", "dense weights in q8"),
        (config.swiglu_limit == SWIGLU_LIMIT, f"a SwiGLU limit of {SWIGLU_LIMIT}"),
        (config.layer_types == alternating(config.num_hidden_layers), "alternating layers"),
    ]
    for good, what in same:
        if not good:
            raise Error(f"[peers] llama.cpp's gpt-oss has {what}. Try: another shape.")


def _write(writer: gguf.GGUFWriter, tensor: Tensor) -> None:
    """Append one tensor; the library writes only whole arrays, and experts are large."""
    assert writer.fout is not None
    file = writer.fout[0]
    writer.write_padding(file, file.tell())
    begun = file.tell()
    for piece in tensor.make():
        np.ascontiguousarray(piece).tofile(file)
    writer.write_padding(file, file.tell() - begun)


def _describe(writer: gguf.GGUFWriter, config: Config) -> None:
    writer.add_name("random gpt-oss")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_expert_count(config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_sliding_window(config.sliding_window)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(config.rope_factor)
    writer.add_rope_scaling_orig_ctx_len(config.rope_original_context)
    writer.add_rope_scaling_yarn_beta_fast(config.rope_beta_fast)
    writer.add_rope_scaling_yarn_beta_slow(config.rope_beta_slow)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_MXFP4_MOE)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list([f"t{number}" for number in range(config.vocab_size)])
    writer.add_token_types([gguf.TokenType.NORMAL] * config.vocab_size)
    writer.add_token_merges(["t 0"])
    writer.add_eos_token_id(0)


def _tensors(model: ModelFile) -> Iterator[Tensor]:
    config = model.config
    yield _embedding("token_embd.weight", model)
    for layer in range(config.num_hidden_layers):
        yield from _layer(model, f"layers.{layer}.", f"blk.{layer}.")
    yield _plain("output_norm.weight", model["final_norm"])
    yield _dense("output.weight", model, "unembedding")


def _layer(model: ModelFile, ours: str, theirs: str) -> Iterator[Tensor]:
    config = model.config
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    yield _plain(theirs + "attn_norm.weight", model[ours + "attn_norm"])
    begin = 0
    for name, rows in (("q", queries), ("k", keys), ("v", keys)):
        part = slice(begin, begin + rows)
        begin += rows
        yield _dense(f"{theirs}attn_{name}.weight", model, ours + "qkv", part)
        yield _plain(f"{theirs}attn_{name}.bias", model[ours + "qkv.bias"][part])
    yield _plain(theirs + "attn_sinks.weight", model[ours + "sinks"])
    yield _dense(theirs + "attn_output.weight", model, ours + "out")
    yield _plain(theirs + "attn_output.bias", model[ours + "out.bias"])
    yield _plain(theirs + "post_attention_norm.weight", model[ours + "mlp_norm"])
    yield _plain(theirs + "ffn_gate_inp.weight", model[ours + "router"])
    yield _plain(theirs + "ffn_gate_inp.bias", model[ours + "router.bias"])
    # Rows of gate and up alternate in our file.
    for name, source, part in (
        ("gate", "gate_up", slice(0, None, 2)),
        ("up", "gate_up", slice(1, None, 2)),
        ("down", "down", slice(None)),
    ):
        yield _experts(f"{theirs}ffn_{name}_exps.weight", model, ours + source, part)
        yield _plain(f"{theirs}ffn_{name}_exps.bias", model[f"{ours}{source}.bias"][:, part])


def _plain(name: str, values: NDArray[Any]) -> Tensor:
    return Tensor(name, Kind.F32, values.shape, lambda: iter([widen(values)]))


def _dense(name: str, model: ModelFile, source: str, rows: slice = slice(None)) -> Tensor:
    q8, scale = model[source + ".q8"][rows], model[source + ".scale"][rows]
    shape = (len(q8), q8.shape[1] // GROUP * 34)
    return Tensor(name, Kind.Q8_0, shape, lambda: iter([pack_q8(q8, scale)]))


def _embedding(name: str, model: ModelFile) -> Tensor:
    values = model["embedding"]

    def make() -> Iterator[NDArray[Any]]:
        for start in range(0, len(values), ROWS):
            rows = values[start : start + ROWS]
            q8, scale = quantize_q8(rows.reshape(-1))
            yield pack_q8(q8.reshape(rows.shape), scale.reshape(len(rows), -1))

    return Tensor(name, Kind.Q8_0, (len(values), values.shape[1] // GROUP * 34), make)


def _experts(name: str, model: ModelFile, source: str, rows: slice) -> Tensor:
    blocks, scales = model[source + ".blocks"], model[source + ".scales"]
    experts, _, groups = scales.shape
    shape = (experts, scales[0, rows].shape[0], groups * 17)

    def make() -> Iterator[NDArray[Any]]:
        for expert in range(experts):
            yield pack_mxfp4(blocks[expert, rows], scales[expert, rows])

    return Tensor(name, Kind.MXFP4, shape, make)


def pack_q8(q8: NDArray[np.int8], scale: NDArray[np.float16]) -> NDArray[np.uint8]:
    """Return Q8_0 blocks, [rows, groups * 34]: a float16 scale, then 32 int8.

    Args:
        q8: [rows, groups * 32].
        scale: [rows, groups].
    """
    rows, groups = scale.shape
    packed = np.empty((rows, groups, 34), np.uint8)
    packed[..., :2] = np.ascontiguousarray(scale).view(np.uint8).reshape(rows, groups, 2)
    packed[..., 2:] = np.ascontiguousarray(q8).view(np.uint8).reshape(rows, groups, 32)
    return packed.reshape(rows, -1)


def pack_mxfp4(blocks: NDArray[np.uint8], scales: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ggml's MXFP4 blocks, [rows, groups * 17]: a scale byte, then 16 bytes of nibbles.

    Byte j holds weights j (low) and j + 16 (high) there, and weights 2j and 2j + 1 in our file.

    Args:
        blocks: [rows, groups, 16].
        scales: [rows, groups].
    """
    low, high = blocks & 0x0F, blocks >> 4
    packed = np.empty((*scales.shape, 17), np.uint8)
    packed[..., 0] = scales
    packed[..., 1::2] = low[..., :8] | low[..., 8:] << 4
    packed[..., 2::2] = high[..., :8] | high[..., 8:] << 4
    return packed.reshape(len(scales), -1)
