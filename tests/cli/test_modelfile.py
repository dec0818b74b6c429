"""Ollama's Modelfiles: read, refused, and written."""

from __future__ import annotations

import pytest

from gptoss_metal import Error
from gptoss_metal.modelfile import parse, render
from gptoss_metal.parameters import read_parameters
from gptoss_metal.preset import Preset

TRIPLE = '"""'


def test_everything() -> None:
    found = parse(
        "\ufeff# a comment\r\n"
        "from gpt-oss:20b\r\n"
        "\r\n"
        "PARAMETER temperature 0.5\n"
        "parameter Top_K 40\n"
        "PARAMETER num_ctx 8192\n"
        "PARAMETER num_predict -1\n"
        'PARAMETER stop "a b"\n'
        "PARAMETER stop END\n"
        "PARAMETER repeat_penalty 1.1\n"
        "PARAMETER seed 42\n"
        f"SYSTEM {TRIPLE}You say\n# this is text\nFROM x{TRIPLE}\n"
        "MESSAGE user Is Toronto in Canada?\n"
        f"MESSAGE assistant {TRIPLE}yes,\nit is{TRIPLE}\n"
        "TEMPLATE x\n",
        "mine",
    )
    assert found == Preset(
        "mine",
        "gpt-oss:20b",
        "You say\n# this is text\nFROM x",
        (
            {"role": "user", "content": "Is Toronto in Canada?"},
            {"role": "assistant", "content": "yes,\nit is"},
        ),
        num_ctx=8192,
        sampling={
            "temperature": 0.5,
            "top_k": 40,
            "stop": ["a b", "END"],
            "repetition_penalty": 1.1,
            "seed": 42,
        },
        notes=("TEMPLATE is ignored: gpt-oss has one template, harmony",),
    )


@pytest.mark.parametrize(
    "preset",
    [
        Preset("x", "demo"),
        Preset("x", "demo", system='say "hi"'),
        Preset("x", "demo", system="\nlines\n\n", reasoning_effort="low", num_ctx=5, max_tokens=7),
        Preset("x", "demo", sampling={"stop": ["\n", 'a"', " b "], "temperature": 0.25}),
        Preset("x", "demo", messages=({"role": "user", "content": "two\nlines"},)),
    ],
)
def test_what_is_written_is_read_back(preset: Preset) -> None:
    assert parse(render(preset), "x") == preset


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no FROM"),
        ("SYSTEM x", "there is no FROM"),
        ("FROM", "line 1: .*FROM has no value"),
        ("FROM demo\nSYSTEM", "line 2: .*SYSTEM has no value"),
        ("FROM demo\n\nFLY x", "line 3: .*no instruction FLY"),
        ("FROM demo\n{{ x }}", "line 2: .*no instruction"),
        (f"FROM demo\nSYSTEM {TRIPLE}x", "line 2: .*not closed"),
        ("FROM demo\nPARAMETER temperature hot", "line 2: .*temperature"),
        ("FROM demo\nPARAMETER num_ctx 1.5", "line 2: .*num_ctx"),
        ("FROM demo\nPARAMETER top_p 2", "line 2: .*top_p"),
        ("FROM demo\nMESSAGE tool x", "line 2: .*MESSAGE of 'tool'"),
        ("FROM demo\nPARAMETER reasoning_effort huge", "huge"),
    ],
)
def test_what_cannot_be_read(text: str, told: str) -> None:
    with pytest.raises(Error, match=f"(?s){told}.*Try: "):
        parse(text, "x")


def test_ollama_s_special_values() -> None:
    found = read_parameters(
        {"num_predict": -2, "seed": -1, "top_k": 0, "top_p": 0, "stop": "x", "mirostat": 1,
         "temperature": None, "num_ctx": 10.0}
    )  # fmt: skip
    assert found.max_tokens is None
    assert found.num_ctx == 10
    assert found.sampling == {"top_k": 0, "top_p": 1e-6, "stop": ["x"]}
    assert found.unknown == ("mirostat",)
