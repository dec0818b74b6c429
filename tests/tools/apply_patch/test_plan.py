"""Patches on real folders: all or nothing, and never outside."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.tools.apply_patch import PatchError, plan
from gptoss_metal.tools.apply_patch import root as root_module
from gptoss_metal.tools.apply_patch.root import Place
from tests.tools.apply_patch.folders import held, patched


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the root, with a file that must never change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret\n")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder patches may change."""
    folder = tmp_path / "root"
    (folder / "src").mkdir(parents=True)
    (folder / "a.txt").write_text("one\ntwo\n")
    (folder / "src" / "b.sh").write_text("echo b\n")
    (folder / "src" / "b.sh").chmod(0o750)
    return folder


def test_everything_at_once(root: Path) -> None:
    said = patched(
        root,
        "*** Add File: new/deep/c.txt",
        "+three",
        "*** Update File: a.txt",
        "@@",
        "-two",
        "+2",
        "*** Update File: src/b.sh",
        "*** Move to: bin/b",
        "-echo b",
        "+echo B",
    )
    assert said == "Done!\nA new/deep/c.txt\nM a.txt\nR src/b.sh -> bin/b"
    found = held(root)
    assert found["bin/b"] == (b"echo B\n", 0o750)
    mode = stat.S_IMODE((root / "a.txt").stat().st_mode)
    assert found["new/deep/c.txt"] == (b"three\n", mode), "as new files are made here"
    assert {name for name, value in found.items() if value is not None} == {
        "a.txt",
        "bin/b",
        "new/deep/c.txt",
    }
    assert patched(root, "*** Delete File: a.txt") == "Done!\nD a.txt"
    assert not (root / "a.txt").exists()


def test_a_plan_changes_nothing(root: Path) -> None:
    before = held(root)
    made = plan(
        "*** Begin Patch\n*** Add File: x/y.txt\n+y\n*** Delete File: a.txt\n*** End Patch", root
    )
    assert held(root) == before
    assert [str(change) for change in made.changes] == ["A x/y.txt", "D a.txt"]
    (root / "a.txt").write_text("someone else's\n")
    with pytest.raises(PatchError, match="in the meantime"):
        made.apply()
    assert (root / "a.txt").read_text() == "someone else's\n"
    assert not (root / "x").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.txt",
        "src/../../outside/secret.txt",
        "./../outside/secret.txt",
        "..",
        ".",
        "/etc/passwd",
        "//etc/passwd",
        "~/secret.txt",
        "C:\\secret.txt",
        "\\\\host\\secret.txt",
        "link/secret.txt",
        "link.txt",
        "src/up/outside/secret.txt",
        "a\x00b",
        "a\nb",
        ".git/hooks/pre-commit",
        "src/.GIT/config",
    ],
)
@pytest.mark.parametrize(
    "operation",
    [
        "*** Add File: {}\n+x",
        "*** Delete File: {}",
        "*** Update File: {}\n-secret\n+x",
        "*** Update File: a.txt\n*** Move to: {}\n-one",
    ],
)
def test_nothing_outside_is_touched(root: Path, outside: Path, path: str, operation: str) -> None:
    (root / "link").symlink_to(outside)
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "src" / "up").symlink_to("../..")
    before = held(root.parent)
    with pytest.raises(PatchError, match=r"^\[apply_patch\] (.|\n)*\. Try: "):
        patched(root, *operation.format(path).split("\n"))
    assert held(root.parent) == before


def test_the_check_sees_a_breach(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same patch does get out where links are followed."""
    (root / "link").symlink_to(outside)
    monkeypatch.setattr(root_module, "_FOLDER", os.O_RDONLY | os.O_DIRECTORY)
    before = held(outside)
    patched(root, "*** Update File: link/secret.txt", "-secret", "+x")
    assert held(outside) != before


def test_a_link_put_there_after_the_check_leads_nowhere(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outside / "b.sh").write_text("echo b\n")
    before = held(outside)
    write = Place.write

    def swap(place: Place, data: bytes, mode: int | None) -> None:
        write(place, data, mode)
        (root / "src").rename(root / "moved")
        (root / "src").symlink_to(outside)

    monkeypatch.setattr(Place, "write", swap)
    patched(root, "*** Update File: src/b.sh", "-echo b", "+echo B")
    assert held(outside) == before
    assert (root / "moved" / "b.sh").read_text() == "echo B\n"


def test_a_hard_link_outside_keeps_its_content(root: Path, outside: Path) -> None:
    os.link(outside / "secret.txt", root / "hard.txt")
    patched(root, "*** Update File: hard.txt", "-secret", "+x")
    assert (root / "hard.txt").read_text() == "x\n"
    assert (outside / "secret.txt").read_text() == "secret\n"


@pytest.mark.parametrize("failing", ["write", "rename", "link"])
@pytest.mark.parametrize("when", range(4))
def test_a_failure_undoes_all(
    root: Path, monkeypatch: pytest.MonkeyPatch, failing: str, when: int
) -> None:
    before = held(root)
    real: Callable[..., None] = getattr(Place, failing)
    calls = iter(range(100))
    failed = []

    def fail(place: Place, *args: object) -> None:
        if next(calls) == when:
            failed.append(place)
            raise OSError(errno.ENOSPC, "No space left on device")
        real(place, *args)

    monkeypatch.setattr(Place, failing, fail)
    lines = (
        "*** Add File: new/c.txt\n+three\n*** Update File: a.txt\n-two\n+2\n"
        "*** Delete File: src/b.sh\n*** Add File: d.txt\n+four"
    )
    if failing == "link":  # some file systems have no hard links: renaming does as well
        assert patched(root, *lines.split("\n")).startswith("Done!")
        return
    message = ""
    try:
        patched(root, *lines.split("\n"))
    except PatchError as problem:
        message = str(problem)
    assert ("No space left" in message) == bool(failed)
    assert (held(root) == before) == bool(failed)


def test_what_cannot_be_undone_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Place.rename

    def fail(place: Place, to: Place) -> None:
        if place.name.endswith((".new", ".old")):
            raise OSError(errno.EIO, "Input/output error")
        real(place, to)

    monkeypatch.setattr(Place, "rename", fail)
    with pytest.raises(PatchError, match=r"cannot undo .*a\.txt"):
        patched(root, "*** Delete File: a.txt", "*** Update File: src/b.sh", "-echo b")
    contents = [value[0] for value in held(root).values() if isinstance(value, tuple)]
    assert b"one\ntwo\n" in contents


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("*** Add File: a.txt\n+x", "exists already"),
        ("*** Update File: a.txt\n*** Move to: src/b.sh\n-one", "exists already"),
        ("*** Delete File: missing.txt", "there is no file missing.txt"),
        ("*** Delete File: nowhere/missing.txt", "there is no file nowhere/missing.txt"),
        ("*** Delete File: src", "is no file"),
        ("*** Delete File: src/", "names a folder"),
        ("*** Delete File: pipe", "is no file"),
        ("*** Add File: a.txt/b.txt\n+x", "a.txt is a link or no folder"),
        ("*** Update File: binary\n-x", "is not UTF-8"),
        ("*** Delete File: a.txt\n*** Add File: a.txt\n+x", "changed twice"),
        ("*** Add File: X/y\n+x\n*** Add File: x/Y\n+x", "changed twice"),
        ("*** Add File: caf\u00e9\n+x\n*** Add File: cafe\u0301\n+x", "changed twice"),
    ],
)
def test_what_cannot_be(root: Path, lines: str, message: str) -> None:
    (root / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(root / "pipe")
    before = {name: value for name, value in held(root).items() if name != "pipe"}
    with pytest.raises(PatchError) as caught:
        patched(root, *lines.split("\n"))
    assert message in str(caught.value)
    assert {name: value for name, value in held(root).items() if name != "pipe"} == before


def test_a_name_may_change_its_case(root: Path) -> None:
    patched(root, "*** Update File: a.txt", "*** Move to: A.TXT")
    assert sorted(path.name for path in root.iterdir()) == ["A.TXT", "src"]
    assert (root / "A.TXT").read_text() == "one\ntwo\n"


def test_a_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PatchError, match=r"Try: --root"):
        patched(tmp_path / "missing", "*** Delete File: a")


def test_the_reader_of_a_file_never_meets_a_part(root: Path) -> None:
    """The old text or the new one, whole, while it is changed again and again."""
    watch = (
        "import sys\nseen = set()\nprint('ready', flush=True)\n"
        "while not seen or 'end' not in text:\n"
        "    text = open(sys.argv[1]).read()\n    seen.add(text)\n"
        "assert seen <= {'one\\ntwo\\n', 'one\\n' * 9000, 'end\\n'}, [s[:30] for s in seen]\n"
    )
    with subprocess.Popen(
        ["python3", "-c", watch, str(root / "a.txt")], stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        for _ in range(20):
            patched(root, "*** Update File: a.txt", "-one", "-two", *(["+one"] * 9000))
            patched(root, "*** Update File: a.txt", *(["-one"] * 9000), "+one", "+two")
        patched(root, "*** Update File: a.txt", "-one", "-two", "+end")
        assert reader.wait(60) == 0


NAMES = st.sampled_from(
    ["a.txt", "src/b.sh", "src", "..", "../x", "n/m", "l", "l/x", "/x", "A.txt"]
)
OPERATIONS = st.one_of(
    NAMES.map("*** Add File: {}\n+x".format),
    NAMES.map("*** Delete File: {}".format),
    NAMES.map("*** Update File: {}\n-one\n+1".format),
    st.tuples(NAMES, NAMES).map(lambda p: "*** Update File: {}\n*** Move to: {}".format(*p)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=4))
def test_any_patch_is_done_wholly_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, operations: list[str]
) -> None:
    base = tmp_path_factory.mktemp("any")
    root, outside = base / "root", base / "outside"
    (root / "src").mkdir(parents=True)
    outside.mkdir()
    (outside / "x").write_text("one\n")
    (root / "l").symlink_to(outside)
    (root / "a.txt").write_text("one\n")
    (root / "src" / "b.sh").write_text("one\n")
    before, untouched = held(root), held(outside)
    try:
        said = patched(root, *"\n".join(operations).split("\n"))
    except PatchError as problem:
        said = str(problem)
        assert held(root) == before, said
    assert (said.startswith("Done!") and said.count("\n") == len(operations)) or ". Try: " in said
    assert not [name for name in held(root) if "apply_patch" in name]
    assert held(outside) == untouched
    assert sorted(path.name for path in base.iterdir()) == ["outside", "root"]
