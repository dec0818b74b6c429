"""What is printed, written and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.peers.report import as_json, legend, plot, table
from benchmarks.peers.rounds import Contender
from benchmarks.peers.summary import rows
from tests.benchmarks.test_summary import CONFIG, rounds

FOUND = rows(rounds(), CONFIG, "us")


def test_table_has_every_figure() -> None:
    lines = table(FOUND).splitlines()
    assert len(lines) == 1 + 8 + 2
    (decode,) = [line for line in lines if line.startswith("decode  ") and "them" in line]
    assert "3.00 tok/s" in decode
    assert "2.00 … 5.00" in decode
    assert "2.00 (1.00 … 3.00)" in decode
    assert "% read" in decode
    assert lines[-1] == "them with one core taken: 0.25 x undisturbed"


def test_json_holds_each_value_and_the_figures() -> None:
    who = [Contender("us", "1", (), None), Contender("them", "abc123", (), None, note="scaled")]
    whole = json.loads(as_json({"shape": "20b"}, who, rounds(), FOUND))
    assert whole["shape"] == "20b"
    assert whole["contenders"][1]["version"] == "abc123"
    assert whole["contenders"][1]["note"] == "scaled"
    assert [one["values"]["us"]["decode"] for one in whole["rounds"]] == [4.0, 9.0, 5.0]
    assert whole["rounds"][0]["limits"]["them"]["read_gbs"] == 10.0
    decode = whole["figures"][0]
    assert (decode["test"], decode["speed"]["median"]) == ("decode", 5.0)


def test_legend_names_version_and_what_is_scaled() -> None:
    who = [Contender("us", "1.0", (), None), Contender("them", "abc", (), None, note="scaled")]
    assert legend(who) == "us: 1.0\nthem: abc; scaled"


def test_plot_is_written_twice(tmp_path: Path) -> None:
    png, svg = plot(FOUND, "a heading", tmp_path / "speeds.v1")
    assert png.name == "speeds.v1.png"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
