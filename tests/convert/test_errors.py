"""Bad checkpoints and targets: one line with a remedy, and no file is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gptoss_metal.convert import convert
from gptoss_metal.errors import Error
from tests.convert.checkpoints import Tensors, edit_config, edit_tensors, random_checkpoint

Q_PROJ = "model.layers.1.self_attn.q_proj.weight"
SCALES = "model.layers.1.mlp.experts.down_proj_scales"
BLOCKS = "model.layers.0.mlp.experts.gate_up_proj_blocks"


def refuse(source: Path | str, target: Path, message: str, **options: Any) -> str:
    """Check that converting fails with ``message`` in one line and leaves no new file."""
    before = sorted(target.parent.iterdir()) if target.parent.exists() else []
    with pytest.raises(Error, match=message) as caught:
        convert(source, target, **options)
    text = str(caught.value)
    assert text.startswith("[convert] ")
    assert ". Try: " in text
    assert "\n" not in text
    assert (sorted(target.parent.iterdir()) if target.parent.exists() else []) == before
    return text


def poison(name: str, value: float) -> Callable[[Tensors], None]:
    """Return an edit that plants one value in the middle of a tensor."""

    def plant(tensors: Tensors) -> None:
        tensors[name].view(-1)[tensors[name].numel() // 2] = value

    return plant


def put(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], None]:
    """Return an edit that replaces a tensor."""

    def edit(tensors: Tensors) -> None:
        tensors[name] = change(tensors[name]).contiguous()

    return edit


def dequantized(tensors: Tensors) -> None:
    """Replace one layer's MXFP4 experts by BF16, as fine-tunes do."""
    for part in ("blocks", "scales"):
        del tensors[f"model.layers.0.mlp.experts.gate_up_proj_{part}"]
    tensors["model.layers.0.mlp.experts.gate_up_proj"] = torch.zeros(4, 64, 128).bfloat16()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop(Q_PROJ), rf"has no tensor '{Q_PROJ}'"),
        (lambda t: t.pop(SCALES), rf"has no tensor '{SCALES}'"),
        (put(Q_PROJ, lambda t: t[:-1]), rf"'{Q_PROJ}' has shape \[511, 64\], .* \[512, 64\]"),
        (put(Q_PROJ, torch.Tensor.double), rf"'{Q_PROJ}' is F64, not BF16 or F16 or F32"),
        (put(BLOCKS, torch.Tensor.char), rf"'{BLOCKS}' is I8, not U8"),
        (dequantized, r"experts.gate_up_proj' is BF16, but experts must be MXFP4"),
        (lambda t: t.update(extra=t[Q_PROJ].clone()), r"tensor 'extra' has no place"),
        (poison(SCALES, 255), rf"'{SCALES}' has a scale byte 255, which means NaN"),
        (poison(SCALES, 254), rf"'{SCALES}' has a scale byte 254, which means 2\^127"),
        (poison(Q_PROJ, float("nan")), rf"'{Q_PROJ}' has a value that is infinite or NaN"),
        (poison("model.norm.weight", float("inf")), "'model.norm.weight' has a value that is inf"),
        (poison("lm_head.weight", 1e38), r"'lm_head.weight': .* beyond q8. Try: --dense bf16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_tensors(
    copied: Path, target: Path, edit: Callable[[Tensors], None], message: str
) -> None:
    edit_tensors(copied, edit)
    assert "model.safetensors" in refuse(copied, target, message) or "has no tensor" in message


def test_float32_beyond_bf16(copied: Path, target: Path) -> None:
    def plant(tensors: Tensors) -> None:
        tensors["lm_head.weight"] = tensors["lm_head.weight"].float()
        tensors["lm_head.weight"][3, 3] = torch.finfo(torch.float32).max

    edit_tensors(copied, plant)
    refuse(copied, target, "'lm_head.weight' has a value beyond BF16's range", dense="bf16")


def test_structure_is_checked_before_anything_is_written(
    copied: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_tensors(copied, lambda tensors: tensors.pop("lm_head.weight"))

    def no_write(*_: object) -> None:
        raise AssertionError("writing began")

    monkeypatch.setattr("gptoss_metal.convert.conversion.Writer.write", no_write)
    refuse(copied, target, "has no tensor 'lm_head.weight'")


def test_config_faults(copied: Path, target: Path) -> None:
    edit_config(copied, hidden_size=128)
    refuse(copied, target, r"'model.embed_tokens.weight' has shape \[512, 64\]")
    edit_config(copied, hidden_size=64, num_hidden_layers=1, layer_types=None)
    refuse(copied, target, r"tensor 'model.layers.1.* has no place in the model")
    edit_config(copied, model_type="qwen3")
    refuse(copied, target, "config.json: model_type is 'qwen3'")
    (copied / "config.json").write_text("{")
    refuse(copied, target, "config.json is not valid JSON")
    (copied / "config.json").write_text("[]")
    refuse(copied, target, "config.json does not hold a JSON object")
    (copied / "config.json").unlink()
    refuse(copied, target, "hf has no config.json")


def test_sources_that_are_none(tmp_path: Path, target: Path, checkpoint: Path) -> None:
    refuse(tmp_path / "nowhere", target, "nowhere does not exist")
    refuse("./no/where", target, "no/where does not exist")
    refuse(checkpoint / "config.json", target, "config.json is a file")
    refuse(tmp_path, target, "has no config.json")
    shutil.copy(checkpoint / "config.json", tmp_path)
    refuse(tmp_path, target, r"has no model\*\.safetensors file")
    refuse(checkpoint, target, "dense is 'q4', but gptoss-metal needs", dense="q4")


def test_missing_shards(tmp_path: Path, target: Path) -> None:
    source = random_checkpoint(tmp_path / "hf", shards=3)
    index = json.loads((source / "model.safetensors.index.json").read_text())
    (source / "model-00002-of-00003.safetensors").unlink()
    refuse(source, target, "shard model-00002-of-00003.safetensors is missing")
    (source / "model.safetensors.index.json").unlink()
    refuse(source, target, "shard model-00002-of-00003.safetensors is missing")
    index["weight_map"] = {"lm_head.weight": "model-00001-of-00003.safetensors", Q_PROJ: "../x"}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    refuse(source, target, r"names a file outside its folder: \.\./x")
    index["weight_map"] = {"lm_head.bias": "model-00001-of-00003.safetensors"}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    refuse(source, target, "lacks tensor 'lm_head.bias', which model.safetensors.index.json")
    index["weight_map"] = {}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    refuse(source, target, "has no weight_map")


def test_a_tensor_in_two_shards(copied: Path, target: Path) -> None:
    (copied / "model.safetensors.index.json").unlink(missing_ok=True)
    shutil.copy(copied / "model.safetensors", copied / "model-extra.safetensors")
    refuse(copied, target, r"is in model-extra\.safetensors too")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda data: data[:-1], "is truncated: it has"),
        (lambda data: data[: len(data) // 2], "is truncated: it has"),
        (lambda data: data[:100], "is truncated or not a safetensors file"),
        (lambda data: b"", "is truncated or not a safetensors file"),
        (lambda data: data + b"\0", "has 1 bytes after its last tensor"),
        (lambda data: b"version https://git-lfs\n", "is a Git LFS pointer"),
        (lambda data: data[:8] + b"?" + data[9:], "has a damaged header"),
        (lambda data: data.replace(b'"U8"', b'"Q8"', 1), "has a damaged header"),
        (lambda data: data.replace(b"[512,64]", b"[512,63]", 1), "do not fit its shape"),
        (lambda data: data.replace(b"[512,64]", b"[-12,64]", 1), "not whole numbers"),
        (lambda data: data.replace(b'"pt"', b"77.5", 1), "metadata that is not text"),
        (lambda data: (2**63).to_bytes(8, "little") + data[8:], "is truncated or not a safe"),
    ],
)
def test_damaged_files(
    copied: Path, target: Path, content: Callable[[bytes], bytes], message: str
) -> None:
    path = copied / "model.safetensors"
    data = path.read_bytes()
    assert content(data) != data
    path.write_bytes(content(data))
    assert "model.safetensors" in refuse(copied, target, message)


def test_a_file_that_shrinks_while_it_is_read(copied: Path, target: Path) -> None:
    path = copied / "model.safetensors"
    shrunk = False

    def shrink(done: int, _: int) -> None:
        nonlocal shrunk
        if not shrunk:
            os.truncate(path, 8000)
            shrunk = True

    refuse(copied, target, r"model\.safetensors: tensor '.*' ends too early", progress=shrink)
    assert shrunk


def test_hole_overlap_and_repetition(copied: Path, target: Path) -> None:
    path = copied / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])

    def write(text: str) -> None:
        path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + data[8 + length :])

    for shift in (-2, 2):
        moved = json.loads(json.dumps(header))
        moved[Q_PROJ]["data_offsets"] = [at + shift for at in moved[Q_PROJ]["data_offsets"]]
        write(json.dumps(moved))
        refuse(copied, target, "overlaps another or follows a hole")
    write(json.dumps(header)[:-1] + f', "{Q_PROJ}": {json.dumps(header[Q_PROJ])}}}')
    refuse(copied, target, "a name occurs twice")


def test_targets(checkpoint: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(checkpoint, target.parent / "no" / "m.safetensors", "folder .*/no does not exist")
    refuse(checkpoint, target.parent, "is a folder")
    target.write_text("precious")
    refuse(checkpoint, target, "exists already. Try: another name, or --overwrite")
    refuse(checkpoint / "nothing", target, "does not exist", overwrite=True)
    assert target.read_text() == "precious"
    usage = shutil.disk_usage(target.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    refuse(checkpoint, target, r"needs [\d,]+ bytes, and its disk has 1,000 free", overwrite=True)
    assert target.read_text() == "precious"


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from gptoss_metal.convert import convert
from gptoss_metal.errors import Error
try:
    convert(sys.argv[1], sys.argv[2])
except Error as error:
    print(error)
"""


def test_a_disk_that_fails(checkpoint: Path, target: Path) -> None:
    """The operating system refuses to let the file grow: the error says so, nothing stays."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(checkpoint), str(target)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert run.stdout == (
        f"[convert] cannot write {target}.part: File too large. "
        "Try: free some space or choose another disk.\n"
    )
    assert list(target.parent.iterdir()) == []
