"""A text file's content as lines, so that a change leaves every other byte as it was."""

from __future__ import annotations

from dataclasses import dataclass

BOM = "\ufeff"


@dataclass(frozen=True)
class Content:
    """A text.

    Attributes:
        lines: without their ends.
        ends: of each line: ``\\n`` or ``\\r\\n``; the last may have none.
        bom: whether a byte order mark comes first.
    """

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    bom: bool = False

    @classmethod
    def read(cls, data: bytes) -> Content:
        """Takes a file's bytes apart.

        Raises:
            UnicodeDecodeError: they are not UTF-8.
        """
        text = data.decode("utf-8")
        bom = text.startswith(BOM)
        lines, ends = [], []
        for line in text.removeprefix(BOM).split("\n"):
            bare = line.removesuffix("\r")
            lines.append(bare)
            ends.append(line[len(bare) :] + "\n")
        lines[-1] += ends[-1][:-1]  # a carriage return at the very end is a character like others
        ends[-1] = ""
        if not lines[-1]:
            del lines[-1], ends[-1]
        return cls(tuple(lines), tuple(ends), bom)

    @property
    def end(self) -> str:
        """How most lines end."""
        return "\r\n" if self.ends.count("\r\n") > self.ends.count("\n") else "\n"

    def data(self) -> bytes:
        """The file's bytes."""
        text = "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))
        return ((BOM if self.bom else "") + text).encode("utf-8")
