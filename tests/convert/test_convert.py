"""What a converted file holds: the source's weights, where the specification puts them."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from gptoss_metal.convert import convert, describe
from tests.convert.checkpoints import edit_config, edit_tensors, load_shards, random_checkpoint

PAGE = 16384


def header_of(path: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return (where the data starts, the JSON header), read independently of the package."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return 8 + length, json.loads(data[8 : 8 + length])


@pytest.mark.parametrize("dense", ["q8", "bf16"])
def test_both_layouts_give_the_same_tensors(checkpoint: Path, target: Path, dense: str) -> None:
    other = target.with_name("other.safetensors")
    assert convert(checkpoint, target, dense) == target
    convert(str(checkpoint / "original"), other, dense)
    (start, header), (other_start, other_header) = header_of(target), header_of(other)
    assert target.read_bytes()[start:] == other.read_bytes()[other_start:]
    metadata, other_metadata = header.pop("__metadata__"), other_header.pop("__metadata__")
    assert header == other_header
    assert list(header) == list(other_header)
    source = json.loads(str(metadata.pop("source")))
    other_source = json.loads(str(other_metadata.pop("source")))
    assert metadata == other_metadata
    assert source == {
        "path": str(checkpoint), "revision": "", "kind": "huggingface", "dtype": "BF16",
    }  # fmt: skip
    assert other_source["kind"] == "original"


def test_bf16_file_holds_the_published_bits(checkpoint: Path, target: Path) -> None:
    stored, tensors = load_file(convert(checkpoint, target, "bf16")), load_shards(checkpoint)
    assert torch.equal(stored["embedding"], tensors["model.embed_tokens.weight"])
    assert torch.equal(stored["unembedding"], tensors["lm_head.weight"])
    assert torch.equal(stored["final_norm"], tensors["model.norm.weight"].float())
    for layer in range(2):
        new, old = f"layers.{layer}.", f"model.layers.{layer}."
        qkv = [tensors[f"{old}self_attn.{part}_proj.weight"] for part in "qkv"]
        bias = [tensors[f"{old}self_attn.{part}_proj.bias"].float() for part in "qkv"]
        assert torch.equal(stored[new + "qkv"], torch.cat(qkv))
        assert torch.equal(stored[new + "qkv.bias"], torch.cat(bias))
        for name, source in {
            "attn_norm": "input_layernorm.weight",
            "sinks": "self_attn.sinks",
            "out": "self_attn.o_proj.weight",
            "out.bias": "self_attn.o_proj.bias",
            "mlp_norm": "post_attention_layernorm.weight",
            "router": "mlp.router.weight",
            "router.bias": "mlp.router.bias",
            "gate_up.blocks": "mlp.experts.gate_up_proj_blocks",
            "gate_up.scales": "mlp.experts.gate_up_proj_scales",
            "gate_up.bias": "mlp.experts.gate_up_proj_bias",
            "down.blocks": "mlp.experts.down_proj_blocks",
            "down.scales": "mlp.experts.down_proj_scales",
            "down.bias": "mlp.experts.down_proj_bias",
        }.items():
            wanted = tensors[old + source]
            assert torch.equal(stored[new + name], wanted.to(stored[new + name].dtype)), name


def test_q8_file_differs_only_in_dense_weights(checkpoint: Path, target: Path) -> None:
    bf16 = load_file(convert(checkpoint, target.with_name("bf16.safetensors"), "bf16"))
    q8 = load_file(convert(checkpoint, target))
    dense = {"unembedding"} | {f"layers.{i}.{name}" for i in range(2) for name in ("qkv", "out")}
    assert {name for name in bf16 if name not in q8 and "pad." not in name} == dense
    for name in dense:
        scale = q8[name + ".scale"].double().repeat_interleave(32, dim=1)
        assert q8[name + ".q8"].shape == bf16[name].shape
        error = (bf16[name].double() - q8[name + ".q8"].double() * scale).abs()
        # Half a step, plus what the largest weight of a group loses when its float16 scale
        # was rounded down: 127 * 2^-11 of a step at most.
        assert (error <= scale * (0.5 + 127 * 2**-11)).all()
    for name in bf16.keys() & q8.keys():
        if not name.startswith("pad."):
            assert torch.equal(bf16[name], q8[name]), name


@pytest.mark.parametrize("dense", ["q8", "bf16"])
def test_layout_is_aligned_and_has_no_holes(checkpoint: Path, target: Path, dense: str) -> None:
    convert(checkpoint, target, dense)
    start, header = header_of(target)
    assert header.pop("__metadata__")["format"] == "gptoss-metal"
    assert start % PAGE == 0
    position = pads = 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert begin == position, "a hole, or a tensor out of order"
        position = end
        if name.startswith("pad."):
            assert name == f"pad.{pads}"
            assert not any(target.read_bytes()[start + begin : start + end])
            pads += 1
            continue
        assert (start + begin) % 128 == 0
        if name.endswith(("attn_norm", "gate_up.blocks")) or "embedding" in name:
            assert (start + begin) % PAGE == 0 or name == "unembedding.scale"
    names = list(header)
    pairs = itertools.pairwise(names)
    assert not any(a.startswith("pad.") and b.startswith("pad.") for a, b in pairs)
    assert position % PAGE == 0
    assert start + position == target.stat().st_size


def test_safetensors_opens_and_lists_it(checkpoint: Path, target: Path) -> None:
    convert(checkpoint, target)
    with safe_open(target, "pt") as file:
        listed = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert file.metadata()["format_version"] == "1"
    assert listed == {t["name"]: t["shape"] for t in describe(target)["tensors"]}


def test_float_sources_are_rounded_to_nearest_even(copied: Path, target: Path) -> None:
    noise = torch.Generator().manual_seed(1)

    def to_float(tensors: dict[str, torch.Tensor]) -> None:
        for name in ("lm_head.weight", "model.norm.weight"):
            exact = tensors[name].float()
            tensors[name] = exact * (1 + 2**-8 * torch.rand(exact.shape, generator=noise))
        tie = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1e-40])
        tensors["lm_head.weight"][0, :4] = tie
        tensors["model.layers.1.self_attn.o_proj.weight"] = tensors[
            "model.layers.1.self_attn.o_proj.weight"
        ].half()

    edit_tensors(copied, to_float)
    source, stored = load_shards(copied), load_file(convert(copied, target, "bf16"))
    assert torch.equal(stored["unembedding"], source["lm_head.weight"].bfloat16())
    assert stored["unembedding"][0, :3].tolist() == [1.0, 1 + 2**-6, -1.0]
    assert torch.equal(stored["final_norm"], source["model.norm.weight"])
    out = source["model.layers.1.self_attn.o_proj.weight"]
    assert torch.equal(stored["layers.1.out"], out.bfloat16())
    assert describe(target)["source"]["dtype"] == (
        "BF16+F16+F32 (rounded to nearest even where stored as BF16)"
    )


def test_shards_give_the_same_file(checkpoint: Path, tmp_path: Path, target: Path) -> None:
    sharded = random_checkpoint(tmp_path / "sharded", seed=7, shards=3)
    convert(checkpoint, target)
    convert(sharded, target.with_name("sharded.safetensors"))
    (sharded / "model.safetensors.index.json").unlink()
    convert(sharded, target.with_name("unindexed.safetensors"))
    data = [path.read_bytes()[header_of(path)[0] :] for path in target.parent.iterdir()]
    assert len(data) == 3
    assert data[0] == data[1] == data[2]


def test_original_folder_is_found_in_a_repository(copied: Path, target: Path) -> None:
    for path in copied.glob("model*"):
        path.unlink()
    convert(copied, target)
    assert describe(target)["source"]["kind"] == "original"


def test_transformers_5_config_gives_the_same_file(copied: Path, target: Path) -> None:
    convert(copied, target)
    before = target.read_bytes()
    config = json.loads((copied / "config.json").read_text())
    edit_config(
        copied,
        rope_scaling=None,
        rope_theta=None,
        rope_parameters=config["rope_scaling"] | {"rope_theta": config["rope_theta"]},
    )
    convert(copied, target, overwrite=True)
    assert target.read_bytes() == before


def test_other_shape_and_progress(tmp_path: Path, target: Path) -> None:
    source = random_checkpoint(
        tmp_path / "hf", layers=1, experts=3, top_k=1, hidden=128, intermediate=192, heads=3,
        kv_heads=1, vocab=7,
    )  # fmt: skip
    calls: list[tuple[int, int]] = []
    convert(source, target, progress=lambda done, total: calls.append((done, total)))
    tensors = [t for t in describe(target)["tensors"] if not t["name"].startswith("pad.")]
    total = 2 * sum(tensor["bytes"] for tensor in tensors)
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)
    assert {name: t.shape for name, t in load_file(target).items()}["layers.0.qkv.q8"] == (320, 128)


def test_target_and_source_stay_apart(copied: Path) -> None:
    shutil.rmtree(copied / "original")
    before = {path: path.read_bytes() for path in copied.iterdir()}
    with pytest.raises(RuntimeError, match="is a file of the checkpoint itself"):
        convert(copied, copied / "model.safetensors", overwrite=True)
    assert {path: path.read_bytes() for path in copied.iterdir()} == before
