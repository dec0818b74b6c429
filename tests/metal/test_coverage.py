"""The coverage report sees what never ran."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from .coverage import HOST, host_lines, main


def test_lines_of_blocks_that_ran(softmetal: ModuleType) -> None:
    blocks = {offset for offset, _ in softmetal.host_blocks()}
    whole = host_lines(blocks)
    assert {f"{HOST}plan.cpp", f"{HOST}executor.cpp", f"{HOST}memory.h"} <= set(whole)
    assert all(all(of_file.values()) for of_file in whole.values())
    assert not any(any(of_file.values()) for of_file in host_lines(set()).values())


def test_one_line_too_few_is_an_error(
    softmetal: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [offset for offset, _ in softmetal.host_blocks()]
    run = {"host": blocks, "kernels": {"qkv.metal": {"30": 2, "31": 1}}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert main(str(tmp_path)) == 0
    run["kernels"] = {"qkv.metal": {"30": 2, "31": 0}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert main(str(tmp_path)) == 1
    assert "never: 31" in capsys.readouterr().out
