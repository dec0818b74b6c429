"""Bad input: one line that says what and what to do, exit code 2, no traceback, no half file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.cli.program import refused
from tests.convert.checkpoints import Tensors, edit_config, edit_tensors
from tests.reference.checkpoints import write_checkpoint


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def retype(tensors: Tensors) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    tensors[name] = tensors[name].to(torch.int32)


def reshape(tensors: Tensors) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    tensors[name] = tensors[name][:-1].clone()


def shards(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    write_checkpoint(folder, seed=3, shards=2)
    sorted(folder.glob("model-*.safetensors"))[1].unlink()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "JSON"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model*.safetensors"),
    "missing shard": (shards, "model-00002-of-00002.safetensors"),
    "truncated": (lambda folder: halve(folder / "model.safetensors"), "model.safetensors"),
    "wrong dtype": (lambda folder: edit_tensors(folder, retype), "q_proj.weight"),
    "wrong shape": (lambda folder: edit_tensors(folder, reshape), "q_proj.weight"),
    "another architecture": (
        lambda folder: edit_config(folder, model_type="llama", architectures=["LlamaForCausalLM"]),
        "gpt-oss",
    ),
    "unknown tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"model": {"vocab": {}}}'),
        "tokenizer.json",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_convert(checkpoint: Path, tmp_path: Path, case: str) -> None:
    damage, named = DAMAGE[case]
    damage(checkpoint)
    folder = tmp_path / "out"
    folder.mkdir()
    assert named in refused("convert", checkpoint, "-o", folder / "model.safetensors")
    assert list(folder.iterdir()) == []


def test_convert_from_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    assert "nowhere" in refused("convert", tmp_path / "nowhere", "-o", target)
    assert not target.exists()
    assert "folder" in refused("convert", tmp_path, "-o", tmp_path / "missing" / "m.safetensors")


def test_convert_keeps_what_is_there(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    target.write_text("precious")
    assert "--overwrite" in refused("convert", source, "-o", target)
    assert target.read_text() == "precious"
    assert "exclude each other" in refused("convert", source, "-o", target, "--name", "x")
    assert "not a model name" in refused("convert", source, "--name", "../x")


COMMANDS = [["inspect"], ["verify"], ["generate", "--prompt", "x"], ["chat"], ["bench"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_such_model(command: list[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.safetensors")
    assert missing in refused(*command, missing)
    assert "make demo" in refused(*command, "demo", GPTOSS_METAL_HOME=str(tmp_path))
    assert "gptoss-metal convert" in refused(*command, str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_damaged_model_files(command: list[str], small: Path, tmp_path: Path) -> None:
    data = small.read_bytes()
    for content in (data[: len(data) // 2], data[:100], b"", b"x" * 20000, data[:-1]):
        broken = tmp_path / "broken.safetensors"
        broken.write_bytes(content)
        assert "broken.safetensors" in refused(*command, broken)


def test_a_flipped_bit(small: Path, tmp_path: Path) -> None:
    data = bytearray(small.read_bytes())
    data[len(data) // 2] ^= 1
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(data)
    assert "damaged" in refused("verify", broken)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--tokens", "1,640"], "token 640 at position 1 is out of range"),
        (["--tokens", "-1"], "token -1"),
        (["--tokens", "1,x"], "'x' is not a token id"),
        (["--tokens", ""], "empty"),
        (["--tokens", ",".join(["1"] * 1025)], "do not fit a context of 1024"),
        (["--tokens", "1,2,3", "--context", "2"], "do not fit a context of 2"),
        (["--tokens", "1", "--context", "2000"], "1 to 1024"),
        (["--tokens", "1", "--context", "0"], "0 tokens of context"),
        (["--tokens", "1", "--backend", "cuda"], "'cuda' is not one of 'auto', 'metal', 'cpu'"),
        (["--tokens", "1", "--precision", "half"], "half"),
        (["--tokens", "1", "--threads", "0"], "0 threads"),
        (["--tokens", "1", "--temperature", "-1"], "temperature is -1.0"),
        (["--tokens", "1", "--top-p", "2"], "top_p is 2.0"),
        (["--tokens", "1", "--max-tokens", "0"], "max_tokens is 0"),
        (["--tokens", "1", "--max-tokens", "many"], "many"),
        (["--tokens", "1", "--prompt", "x"], "exclude each other"),
        (["--tokens", "1", "--tools", "missing.json"], "missing.json"),
        (["--tokens", "1", "--wrong"], "--wrong"),
        (["--tokens", "1", "--stop", "x"], "no tokenizer"),
        (["--prompt", "hello"], "do not include harmony's"),
        (["--raw", "--prompt", "hello"], "no tokenizer"),
        (["--prompt", " "], "empty"),
    ],
)
def test_generate(small: Path, options: list[str], what: str) -> None:
    assert what in refused("generate", small, *options)


def test_empty_stdin(small: Path) -> None:
    assert "empty" in refused("generate", small, stdin="")
    assert "empty" in refused("generate", small, stdin="\n")


@pytest.mark.parametrize("content", ["{", "{}", '[{"name": "two words"}]', '["f"]'])
def test_bad_tools(small: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "tools.json"
    file.write_text(content)
    assert "[tools]" in refused("generate", small, "--prompt", "x", "--tools", file)
    assert "[tools]" in refused("chat", small, "--tools", file)


def test_bench(small: Path) -> None:
    assert "either a MODEL or a --shape" in refused("bench", small, "--shape", "20b")
    assert "do not fit a context" in refused("bench", small, "--prompt-tokens", "1024")
    assert "0" in refused("bench", small, "--gen-tokens", "0")


def test_no_room_for_random_weights(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    refused("bench", "--shape", "20b", GPTOSS_METAL_HOME=str(home))


def test_the_checker_notices() -> None:
    """A command that succeeds, and one that says something else than one line, are not refused."""
    with pytest.raises(AssertionError):
        refused("--version")
    with pytest.raises(AssertionError):
        refused()


def test_unknown_commands() -> None:
    assert "serve" in refused("serve")


def test_errors_come_in_one_line_whatever_the_name(tmp_path: Path) -> None:
    refused("inspect", tmp_path / "two\nlines.safetensors")
