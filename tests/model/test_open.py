"""Opening a model file: nothing in it is trusted, and every refusal says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal import Error, _core
from gptoss_metal.convert import shape, write_random_model
from tests.model.header import edit, edit_config

SMALL = shape(num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=128)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "model.safetensors"
    return write_random_model(path, SMALL, "q8")


@pytest.fixture
def model_file(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "model.safetensors"))


def refusal(path: Path) -> str:
    """The one line with which opening fails."""
    with pytest.raises(Error) as raised:
        _core.Model(str(path))
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("[")
    assert ". Try: " in message
    assert message.endswith(".")
    return message


def test_sound_file_opens(model_file: Path) -> None:
    model = _core.Model(str(model_file))
    assert model.config["hidden_size"] == 64
    assert model.file_bytes == model_file.stat().st_size
    assert model.metadata["format"] == "gptoss-metal"
    names = [name for name, *_ in model.tensors]
    assert names[0] == "tokenizer.o200k_base"
    assert sum(size for *_, size in model.tensors) <= model.file_bytes


@pytest.mark.parametrize("kept", [0, 4, 100, 16384, 20000, -1])
def test_truncated_file(model_file: Path, kept: int) -> None:
    content = model_file.read_bytes()
    model_file.write_bytes(content[:kept])
    assert "convert" in refusal(model_file)


def test_trailing_bytes(model_file: Path) -> None:
    with model_file.open("ab") as file:
        file.write(b"\0" * 100)
    assert "its header describes" in refusal(model_file)


def test_missing_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.safetensors")


def test_directory(tmp_path: Path) -> None:
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"{}x", b'{"a":1,"a":2}', b"nul", b'{"a":"\\q"}'])
def test_malformed_header(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    refusal(path)


def test_deeply_nested_header_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    text = b"[" * 1_000_000
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert "nested too deeply" in refusal(path)


def test_another_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    text = b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0")
    assert "not a gptoss-metal model" in refusal(path)


def tensor(name: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(changes)


def move(name: str, by: int) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        header[name]["data_offsets"] = [x + by for x in header[name]["data_offsets"]]

    return change


def metadata(**changes: str) -> Callable[[dict[str, Any]], None]:
    return lambda header: header["__metadata__"].update(changes)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (tensor("layers.1.sinks", dtype="F64"), "unknown dtype F64"),
        (tensor("layers.1.sinks", dtype="I8"), "layers.1.sinks"),
        (tensor("layers.1.sinks", shape=[65]), "its shape and dtype need"),
        (tensor("layers.1.sinks", shape=[32, 2]), "must be F32 [64]"),
        (tensor("layers.1.sinks", shape=[-64]), "whole number"),
        (tensor("layers.1.sinks", shape=[2**52, 2**52]), "too large"),
        (tensor("layers.1.sinks", data_offsets=[0]), "two data_offsets"),
        (tensor("layers.1.sinks", data_offsets=[256, 0]), "layers.1.sinks"),
        (move("layers.1.sinks", 128), "starts at byte"),
        (move("unembedding.scale", 1 << 40), "truncated"),
        (lambda header: header.pop("layers.1.sinks"), "starts at byte"),
        (metadata(format="other"), "another format"),
        (metadata(format_version="2"), "reads 1"),
        (metadata(config="{"), "ends early"),
    ],
)
def test_damaged_header(
    model_file: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    edit(model_file, change)
    assert named in refusal(model_file)


def test_renamed_tensor_is_missing(model_file: Path) -> None:
    edit(model_file, lambda header: header.update({"pad.x": header.pop("layers.0.router")}))
    assert "layers.0.router is missing" in refusal(model_file)


def test_misaligned_tensor(model_file: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        # The last page's padding moves in front of the unembedding's scales, less 64 bytes.
        pad = max((n for n in header if n.startswith("pad.")), key=lambda n: int(n[4:]))
        begin, end = header["unembedding.scale"]["data_offsets"]
        size = end - begin
        header[pad] = {"dtype": "U8", "shape": [64], "data_offsets": [begin, begin + 64]}
        header["unembedding.scale"]["data_offsets"] = [begin + 64, begin + 64 + size]
        rest = header.setdefault("pad.rest", {"dtype": "U8"})
        total = sound_bytes - data_start
        rest.update(shape=[total - end - 64], data_offsets=[end + 64, total])

    content = model_file.read_bytes()
    sound_bytes = len(content)
    data_start = 8 + int.from_bytes(content[:8], "little")
    edit(model_file, change)
    assert "misaligned" in refusal(model_file)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_local_experts": 129}, "num_local_experts is 129"),
        ({"num_local_experts": 0}, "1 .. 128"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok"),
        ({"hidden_size": 96}, "multiple of 64"),
        ({"intermediate_size": 0}, "intermediate_size"),
        ({"head_dim": 128}, "head_dim is 128"),
        ({"num_attention_heads": 7}, "multiple of 8"),
        ({"num_key_value_heads": 2.5}, "whole number"),
        ({"vocab_size": "many"}, "not a number"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"layer_types": ["full_attention", "linear"]}, "'linear'"),
        ({"rms_norm_eps": -1}, "rms_norm_eps"),
        ({"rope_theta": None}, "lacks 'rope_theta'"),
        ({"rope_truncate": 0}, "not a boolean"),
        ({"dense": "q4"}, "'q4'"),
        ({"hidden_size": 128}, "must be"),
        ({"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3}, "missing"),
    ],
)
def test_config_outside_the_limits(model_file: Path, changes: dict[str, Any], named: str) -> None:
    edit_config(model_file, **changes)
    assert named in refusal(model_file)


def test_unknown_options(model_file: Path) -> None:
    with pytest.raises(Error, match="default or exact"):
        _core.Model(str(model_file), precision="fast")
    with pytest.raises(Error, match="portable"):
        _core.Model(str(model_file), isa="mmx")
