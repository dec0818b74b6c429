"""convert, inspect, verify, generate and bench on good input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptoss_metal import Model, Sampling, __version__, _core
from tests.cli.program import answer, answer_json, refused, start


def test_help_starts_quickly() -> None:
    """Nothing slow is imported for it; the time itself is only for the report."""
    code = (
        "import sys; from gptoss_metal.cli.main import run; run(['--help']); "
        "slow = {'numpy', 'rich', 'openai_harmony', 'huggingface_hub', 'torch', 'mlx', "
        "'gptoss_metal._core', 'asyncio', 'readline'}; print(sorted(slow & set(sys.modules)))"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"--help took {time.perf_counter() - begun:.2f} s")
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("convert", "inspect", "verify", "generate", "chat", "bench", "selftest"):
        assert command in done.stdout
        assert "Usage: gptoss-metal" in answer(command, "--help")


def test_version() -> None:
    assert answer("--version").strip() == f"gptoss-metal {__version__}"


def test_no_command_shows_the_help() -> None:
    done = start()
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_convert_into_the_store(source: Path, tmp_path: Path) -> None:
    home = {"GPTOSS_METAL_HOME": str(tmp_path / "home")}
    path = Path(answer("convert", source, **home).strip())
    assert path == tmp_path / "home" / "models" / "tiny-oss.safetensors"
    assert "tiny-oss" in answer("inspect", "tiny-oss", **home)
    named = Path(answer("convert", source, "--name", "other", "--dense", "bf16", **home).strip())
    assert named.name == "other.safetensors"
    assert json.loads(answer("inspect", "other", "--json", **home))["config"]["dense"] == "bf16"
    again = answer("convert", source, "-o", named, "--overwrite", **home)
    assert Path(again.strip()) == named
    assert json.loads(answer("inspect", named, "--json"))["config"]["dense"] == "q8"


def test_convert_original(tmp_path: Path) -> None:
    from tests.convert.checkpoints import random_checkpoint

    folder = random_checkpoint(tmp_path / "tiny-oss", seed=1) / "original"
    home = {"GPTOSS_METAL_HOME": str(tmp_path / "home")}
    path = Path(answer("convert", folder, **home).strip())
    assert path.name == "tiny-oss.safetensors"
    assert json.loads(answer("inspect", path, "--json"))["source"]["kind"] == "original"


def test_inspect(small: Path) -> None:
    shown = answer("inspect", small)
    for part in ("parameters", "experts", "ids only", "q8", "computes here"):
        assert part in shown
    found = answer_json("inspect", small, "--json")
    assert found["backend"] == _core.default_backend()
    assert (found["device"] == "") == (found["backend"] == "cpu")
    assert found["config"]["hidden_size"] == 64
    assert "tensors" not in found
    tensors = answer_json("inspect", small, "--json", "--tensors")["tensors"]
    names = [tensor["name"] for tensor in tensors]
    assert "layers.0.qkv.q8" in names
    assert "layers.0.qkv.q8  I8 [512, 64]" in answer("inspect", small, "--tensors")


def test_verify(small: Path) -> None:
    done = start("verify", small)
    assert done.returncode == 0, done.stderr
    assert "sound" in done.stdout
    assert answer_json("verify", small, "--json")["sound"] is True


def test_generate_from_ids(small: Path) -> None:
    options = ["--tokens", "1, 2,3", "--temperature", "0", "--max-tokens", "5"]
    found = answer_json("generate", small, *options, "--json")
    model = Model.load(small)
    expected = model.generate([1, 2, 3], Sampling(temperature=0), 5)
    list(expected)
    assert found["tokens"] == expected.ids
    assert found["prompt_tokens"] == 3
    assert found["finish_reason"] == "length"
    assert found["text"] == found["reasoning"] == ""
    assert found["prefill_tps"] > 0
    assert found["decode_tps"] > 0
    plain = answer("generate", small, *options)
    assert [int(word) for word in plain.split()] == expected.ids


def test_generate_json(demo_path: Path) -> None:
    prompt = "What is 27 + 15?"
    options = ["--temperature", "0", "--max-tokens", "200", "--reasoning-effort", "low"]
    found = answer_json("generate", demo_path, "--prompt", prompt, *options, "--json")
    keys = {"text", "reasoning", "tokens", "prompt_tokens", "prefill_tps", "decode_tps"}
    assert keys | {"finish_reason"} <= set(found)
    assert len(found["tokens"]) == found["completion_tokens"] <= 200
    # stdout carries the answer alone, from stdin as from the option
    assert answer("generate", demo_path, *options, stdin=prompt + "\n") == (
        found["text"] + "\n" if found["text"] else ""
    )


def test_generate_raw(demo_path: Path) -> None:
    prompt = "<|start|>user<|message|>Hello<|end|><|start|>assistant"
    options = ["--raw", "--prompt", prompt, "--temperature", "0", "--max-tokens", "3"]
    found = answer_json("generate", demo_path, *options, "--json")
    assert found["prompt_tokens"] == 7
    assert answer("generate", demo_path, *options).rstrip("\n") == found["text"].rstrip("\n")


def test_instructions_and_tools_reach_the_prompt(demo_path: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text('[{"name": "get_weather", "parameters": null}]')
    lengths = [
        answer_json(
            "generate", demo_path, "--prompt", "Hi", "--max-tokens", "1", "--json", *options
        )["prompt_tokens"]
        for options in ([], ["--system", "Be brief."], ["--tools", str(tools)])
    ]
    assert lengths[0] < lengths[1] < lengths[2]


BENCH = {
    "prefill_tps",
    "decode_tps",
    "bytes_per_token",
    "read_bandwidth",
    "fraction_of_bandwidth",
    "threads",
    "isa",
    "precision",
    "load_seconds",
    "peak_extra_bytes",
    "context",
}


def test_bench(small: Path) -> None:
    options = ["--prompt-tokens", "64", "--gen-tokens", "8", "--threads", "1"]
    found = answer_json("bench", small, *options, "--json")
    assert set(found) >= BENCH
    assert found["threads"] == 1
    assert (found["prompt_tokens"], found["gen_tokens"]) == (64, 8)
    assert all(found[name] > 0 for name in BENCH if isinstance(found[name], float))
    assert found["fraction_of_bandwidth"] == pytest.approx(
        found["decode_tps"] * found["bytes_per_token"] / 1e9 / found["read_bandwidth"]
    )
    assert "decode_tps" in answer("bench", small, *options)


def test_the_backend_can_be_chosen(small: Path) -> None:
    options = ["--tokens", "1,2,3", "--temperature", "0", "--max-tokens", "5"]
    chosen = answer("generate", small, *options, "--backend", "cpu")
    assert chosen == answer("generate", small, *options)
    found = answer_json("bench", small, "--prompt-tokens", "8", "--gen-tokens", "2",
                        "--backend", "cpu", "--json")  # fmt: skip
    assert (found["backend"], found["device"]) == ("cpu", "")


@pytest.mark.skipif("metal" in _core.backends(), reason="this build has it")
def test_metal_is_refused_where_it_is_not(small: Path) -> None:
    said = refused("generate", small, "--tokens", "1", "--backend", "metal")
    assert "this build has no Metal backend" in said


def test_bench_of_the_demo_model_when_none_is_named(demo_path: Path) -> None:
    found = answer_json("bench", "--prompt-tokens", "32", "--gen-tokens", "4", "--json")
    assert found["model"] == str(demo_path)


def test_text_that_has_no_place(demo_path: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 go in, characters the terminal lacks come out: no crash."""
    program = [sys.executable, "-m", "gptoss_metal"]
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    for command in (["generate", str(demo_path), "--max-tokens", "5"], ["chat", str(demo_path)]):
        done = subprocess.run(
            [*program, *command, "--temperature", "1000", "--max-tokens", "20"],
            input=b"\xff\xfe \xe2\x82\n",
            capture_output=True,
            env=env,
        )
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
    raw = ["generate", str(demo_path), "--raw", "--prompt", "\udcff", "--max-tokens", "1"]
    assert subprocess.run([*program, *raw], capture_output=True, env=env).returncode == 0


def test_a_reader_that_leaves(small: Path) -> None:
    command = f"{sys.executable} -m gptoss_metal inspect --tensors {small} | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1
