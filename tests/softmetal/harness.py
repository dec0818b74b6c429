"""Kernel sources with named lines, and how findings about them are looked at."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

Finding = dict[str, Any]


def msl(text: str) -> str:
    """A Metal source that begins as all do."""
    return "#include <metal_stdlib>\nusing namespace metal;\n" + text


def lines_of(source: str) -> dict[str, int]:
    """Line numbers of the places marked `// @name` in a source."""
    marks = {}
    for number, line in enumerate(source.splitlines(), start=1):
        for name in re.findall(r"// @(\w+)", line):
            marks[name] = number
    return marks


def only_finding(metal: ModuleType, kind: str, kernel: str) -> Finding:
    """The one finding there is, which must be of this kind and about this kernel."""
    findings: list[Finding] = metal.take_findings()
    assert [finding["kind"] for finding in findings] == [kind], texts(findings)
    assert findings[0]["kernel"] == kernel, texts(findings)
    assert "\n" not in findings[0]["text"]
    return findings[0]


def only_race(metal: ModuleType, kernel: str) -> Finding:
    """The one race there is; where nothing orders two threads, what they read is often unwritten,
    too."""
    findings: list[Finding] = metal.take_findings()
    races = [finding for finding in findings if finding["kind"] == "race"]
    assert {finding["kind"] for finding in findings} <= {"race", "uninitialised"}, texts(findings)
    assert [finding["kernel"] for finding in races] == [kernel], texts(findings)
    return races[0]


def texts(findings: list[Finding]) -> str:
    """All messages, for a failing assertion."""
    return "\n".join(finding["text"] for finding in findings)


def parties(finding: Finding) -> set[int]:
    """The line numbers of both parties."""
    return {
        int(number)
        for party in (finding["first"], finding["second"])
        for number in re.findall(r"program_source:(\d+)", party)
    }
