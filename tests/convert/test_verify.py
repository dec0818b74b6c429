"""``verify`` finds one flipped byte anywhere; ``describe`` tells what a file holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.convert import convert, describe, verify
from gptoss_metal.errors import Error


@pytest.fixture
def model(checkpoint: Path, target: Path) -> Path:
    """Return a converted model file."""
    return convert(checkpoint, target)


def test_sound_file(model: Path) -> None:
    calls: list[tuple[int, int]] = []
    count = verify(model, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (count, count)
    assert count == sum(tensor["bytes"] for tensor in describe(model)["tensors"])


def test_one_flipped_byte_in_any_tensor(model: Path) -> None:
    tensors = [tensor for tensor in describe(model)["tensors"] if tensor["bytes"]]
    assert len(tensors) > 40
    with model.open("r+b", buffering=0) as file:
        for number, tensor in enumerate(tensors):
            position = tensor["offset"] + number * 7919 % tensor["bytes"]
            file.seek(position)
            byte = file.read(1)
            file.seek(position)
            file.write(bytes([byte[0] ^ 1 << number % 8]))
            with pytest.raises(Error, match=f"tensor '{tensor['name']}' is damaged"):
                verify(model)
            file.seek(position)
            file.write(byte)
    verify(model)


def test_several_damaged_tensors(model: Path) -> None:
    data = bytearray(model.read_bytes())
    for tensor in describe(model)["tensors"]:
        if tensor["name"] in ("embedding", "final_norm", "layers.0.qkv.bias"):
            data[tensor["offset"]] ^= 1
    model.write_bytes(data)
    with pytest.raises(Error, match="tensor 'embedding' and 2 more is damaged"):
        verify(model)


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the JSON header of a model file, keeping its size."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length
    path.write_bytes(data[:8] + text + data[8 + length :])


def set_metadata(key: str, value: str) -> Callable[[dict[str, Any]], object]:
    """Return a change of one metadata entry."""
    return lambda header: header["__metadata__"].update({key: value})


def set_config(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    """Return a change of one config entry."""

    def change(header: dict[str, Any]) -> None:
        config = json.loads(header["__metadata__"]["config"]) | {key: value}
        header["__metadata__"]["config"] = json.dumps(config)

    return change


def swap(header: dict[str, Any]) -> None:
    """Exchange two tensors' places."""
    one, two = header["layers.0.qkv.q8"], header["layers.1.qkv.q8"]
    one["data_offsets"], two["data_offsets"] = two["data_offsets"], one["data_offsets"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_metadata("format", "pt"), "is not a gptoss-metal model file"),
        (set_metadata("format_version", "2"), "has format version '2'"),
        (set_metadata("config", "{"), "metadata 'config' is damaged"),
        (set_metadata("config", "[]"), "metadata 'config' is not an object"),
        (set_metadata("checksums", "{}"), "its checksums are not those of its tensors"),
        (set_config("hidden_size", 100), "hidden_size is 100"),
        (set_config("vocab_size", 511), r"'embedding' is BF16 \[512, 64\] at 0, but its config"),
        (set_config("num_hidden_layers", 1), "layer_types is 2 entries"),
        (swap, r"'layers\.0\.qkv\.q8' is I8"),
        (lambda h: h.update({"pad.99": h.pop("pad.0")}), "has no tensor 'pad.0'"),
        (lambda h: h.update({"sinks": h.pop("final_norm")}), "has no tensor 'final_norm'"),
        (
            lambda h: h.update(more={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}),
            "has a tensor 'more' that its config does not know",
        ),
    ],
)
def test_damaged_header(
    model: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    rewrite(model, change)
    for read in (describe, verify):
        with pytest.raises(Error, match=message):
            read(model)


def test_other_files(tmp_path: Path, checkpoint: Path, model: Path) -> None:
    with pytest.raises(Error, match=r"cannot read .*nothing: No such file"):
        describe(tmp_path / "nothing")
    with pytest.raises(Error, match="not a gptoss-metal model file"):
        describe(checkpoint / "model.safetensors")
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(Error, match="is truncated"):
        verify(model)


def test_describe(model: Path, checkpoint: Path) -> None:
    what = describe(model)
    assert json.loads(json.dumps(what)) == what
    assert what["file_bytes"] == model.stat().st_size
    assert what["config"]["vocab_size"] == 512
    assert what["source"]["path"] == str(checkpoint)
    assert what["vocabulary"] is False
    assert sum(what["bytes_by_dtype"].values()) == sum(what["bytes_by_group"].values())
    groups = what["bytes_by_group"]
    assert groups["embedding"] == 512 * 64 * 2
    assert groups["unembedding"] == 512 * 64 * 34 // 32
    assert groups["router"] == 2 * (4 * 64 * 2 + 4 * 4)
    assert groups["norms"] == 5 * 64 * 4
    experts = 2 * 4 * (128 * 64 + 64 * 64)
    assert groups["experts"] == experts * 17 // 32 + 2 * 4 * (128 + 64) * 4
    attention = 2 * ((8 + 4) * 64 * 64 + 64 * 8 * 64)
    assert groups["attention"] == attention * 34 // 32 + 2 * (768 + 64 + 8) * 4
    vectors = 2 * (768 + 64 + 8 + 4 + 4 * (128 + 64))
    assert what["parameters"] == (
        2 * 512 * 64 + experts + attention + vectors + 2 * 4 * 64 + 5 * 64
    )
