"""Where hunks belong, and what they leave as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss_metal.tools.apply_patch import PatchError
from gptoss_metal.tools.apply_patch.content import Content
from gptoss_metal.tools.apply_patch.matching import apply_hunks
from gptoss_metal.tools.apply_patch.patch import Hunk, Line
from tests.tools.apply_patch.folders import after


@pytest.mark.parametrize(
    ("before", "hunk", "expected"),
    [
        ("a\nb\nc\n", [" a", "-b", "+B", " c"], "a\nB\nc\n"),
        ("a\nb\nc\n", ["@@ b", "+x"], "a\nb\nx\nc\n"),
        ("a\nb\na\nb\n", ["@@", "-a", "+1", "@@", "-a", "+2"], "1\nb\n2\nb\n"),
        ("a\nb\na\nb\n", ["@@", "-b", "*** End of File"], "a\nb\na\n"),
        ("a\nb\n", ["@@", "+c", "*** End of File"], "a\nb\nc\n"),
        ("def f():\n  x\ndef g():\n  x\n", ["@@ def g():", "-  x", "+  y"], None),
        (
            "class A:\n def f:\n  1\nclass B:\n def f:\n  1\n",
            ["@@ class B:", "@@ def f:", "-  1"],
            0,
        ),
        ("a  \nb\n", ["-a", "+A", " b"], "A\nb\n"),
        ("", ["@@", "+new"], "new\n"),
        ("a\nb", [" a", "-b", "+c"], "a\nc"),
        ("a\nb", [" b", "+c"], "a\nb\nc"),
        ("a\nb", ["-a", "-b"], ""),
        ("a\r\nb\r\n", [" a", "+x", " b"], "a\r\nx\r\nb\r\n"),
        ("a\nb\r\nc\n", [" a", "-b", "+x", " c"], "a\nx\nc\n"),
        ("\ufeffa\nb\n", ["-a", "+A"], "\ufeffA\nb\n"),
        ("a\x0cb\x85c\n", ["-a\x0cb\x85c", "+d"], "d\n"),
        # The model forgot the indentation of the whole, or took spaces for a tab.
        ("if x:\n    a = 1\n    b = 2\n", ["-a = 1", "+a = 3", "+if a:", "+  c", " b = 2"], 1),
        ("if x:\n\ta\n", ["-    a", "+    b"], "if x:\n\tb\n"),
    ],
)
def test_hunks(tmp_path: Path, before: str, hunk: list[str], expected: str | int | None) -> None:
    longer = {
        None: "def f():\n  x\ndef g():\n  y\n",
        0: "class A:\n def f:\n  1\nclass B:\n def f:\n",
        1: "if x:\n    a = 3\n    if a:\n      c\n    b = 2\n",
    }
    wanted = expected if isinstance(expected, str) else longer[expected]
    assert after(before, *hunk, folder=tmp_path) == wanted


@pytest.mark.parametrize(
    ("before", "hunk", "message"),
    [
        ("a\nb\n", [" a", "-c"], "has not these lines"),
        ("a\nb\n", ["@@", "-b", "@@", "-a"], "these lines stand at line 1"),
        ("a\nb\n", ["@@", "+x"], "adds lines nowhere"),
        ("a\nb\n", ["@@ def f():", "+x"], "below 'def f():', which f.txt has not"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, before: str, hunk: list[str], message: str) -> None:
    with pytest.raises(PatchError, match=r"\. Try: ") as caught:
        after(before, *hunk, folder=tmp_path)
    assert message in str(caught.value)
    assert (tmp_path / "f.txt").read_text() == before


LINES = st.lists(st.sampled_from(["a", "b", " a", "\tb", "", "c ", "é"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_patch_of_the_whole_file_gives_the_other_file(
    before: list[str], new: list[str], end: str, last: bool, bom: bool
) -> None:
    """Removing every line and adding others is always possible, and exact."""
    ends = [end] * len(before)
    if ends and before[-1] and not last:
        ends[-1] = ""
    content = Content(tuple(before), tuple(ends), bom)
    assert Content.read(content.data()) == content
    hunk = Hunk(
        (), (*(Line("-", line) for line in before), *(Line("+", line) for line in new)), True
    )
    found = apply_hunks(content, [hunk], "f.txt")
    assert found.lines == tuple(new)
    assert found.bom == bom
    assert not any(ends) or set(found.ends) <= {end, ""}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES, st.data())
def test_untouched_lines_stay(before: list[str], data: st.DataObject) -> None:
    """A hunk made from the file changes exactly what it says."""
    content = Content.read("\n".join(before).encode())
    lines = content.lines
    start = data.draw(st.integers(0, len(lines)))
    stop = data.draw(st.integers(start, len(lines)))
    kinds = [data.draw(st.sampled_from(" -")) for _ in lines[start:stop]]
    hunk_lines = [Line(kind, line) for kind, line in zip(kinds, lines[start:stop], strict=True)]
    hunk = Hunk((), (*hunk_lines, Line("+", "new")), at_end=stop == len(lines))
    if not hunk.old and not hunk.at_end:
        return
    found = apply_hunks(content, [hunk], "f.txt")
    kept = [line.text for line in hunk_lines if line.kind == " "]
    removed = len(hunk_lines) - len(kept)
    assert len(found.lines) == len(lines) - removed + 1
    assert "new" in found.lines
    if hunk.at_end:
        assert found.lines == (*lines[:start], *kept, "new")
