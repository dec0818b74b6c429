"""The patch format: what is read, and what is refused with the line at fault."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.events import ToolCall
from gptoss_metal.tools.apply_patch import PatchError, patch_of, read_patch
from gptoss_metal.tools.apply_patch.patch import AddFile, DeleteFile, Hunk, Line, UpdateFile

WHOLE = """*** Begin Patch
*** Add File: hello.txt
+Hello world
+
*** Update File: src/app.py
*** Move to: src/main.py
@@ class Greeter:
@@ def greet():
 # politely
-print("Hi")
+print("Hello, world!")

@@
-last
*** End of File
*** Delete File: obsolete.txt
*** End Patch"""


def test_every_operation() -> None:
    first = Hunk(
        ("class Greeter:", "def greet():"),
        (
            Line(" ", "# politely"),
            Line("-", 'print("Hi")'),
            Line("+", 'print("Hello, world!")'),
        ),
    )
    assert read_patch(WHOLE) == (
        AddFile("hello.txt", ("Hello world", "")),
        UpdateFile(
            "src/app.py", (first, Hunk((), (Line("-", "last"),), at_end=True)), "src/main.py"
        ),
        DeleteFile("obsolete.txt"),
    )


def test_line_ends_and_surroundings_do_not_matter() -> None:
    assert read_patch("\n" + WHOLE.replace("\n", "\r\n") + "\r\n\n") == read_patch(WHOLE)


def test_line_numbers_of_other_formats_say_nothing() -> None:
    text = "*** Begin Patch\n*** Update File: a\n@@ -1,2 +1,3 @@ def f():\n+x\n*** End Patch"
    (update,) = read_patch(text)
    assert isinstance(update, UpdateFile)
    assert update.hunks[0].headers == ("def f():",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line"),
        ("*** Begin Patch", "last line"),
        ("*** Begin Patch\n*** End Patch", "empty"),
        ("*** Begin Patch\nHello\n*** End Patch", "line 2 ('Hello') is no file operation"),
        ("*** Begin Patch\n*** Add File: \n*** End Patch", "names no file"),
        ("*** Begin Patch\n*** Add File: a\nx\n*** End Patch", "line 3 ('x')"),
        ("*** Begin Patch\n*** Update File: a\n*** End Patch", "a has no hunk"),
        ("*** Begin Patch\n*** Update File: a\n@@\n*** End Patch", "hunk without lines"),
        ("*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch", "line 4 ('x')"),
        ("*** Begin Patch\n*** Update File: a\n@@\n-x\n*** Foo\n*** End Patch", "'*** Foo'"),
        (
            "*** Begin Patch\n*** Update File: a\n-x\n*** End of File\n-y\n*** End Patch",
            "follows the end of the file",
        ),
    ],
)
def test_what_is_no_patch(text: str, message: str) -> None:
    with pytest.raises(PatchError) as caught:
        read_patch(text)
    assert message in str(caught.value)
    assert ". Try: " in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*WHOLE.split("\n"), "x", " y", "***", "+", "@@", "\x00", "\ud800"]))
)
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    said = ""
    try:
        assert read_patch("\n".join(["*** Begin Patch", *lines, "*** End Patch"]))
    except PatchError as problem:
        said = str(problem)
    assert not said or ". Try: " in said


@pytest.mark.parametrize(
    ("arguments", "patch"),
    [
        ('{"input": "P"}', "P"),
        ('{"patch": "P"}', "P"),
        ('{"input": "P", "reason": "R"}', "P"),
        ("P", "P"),
        ("{}", ""),
    ],
)
def test_the_patch_of_a_call(arguments: str, patch: str) -> None:
    assert patch_of(ToolCall("1", "apply_patch", arguments, "functions.apply_patch")) == patch
