"""docs/MODEL_FILE.md says what the code does: its sizes and its keys are compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptoss_metal.convert import SHAPES
from gptoss_metal.convert.config import as_json, with_dense
from gptoss_metal.convert.layout import Layout, plan
from gptoss_metal.convert.verify import group_of
from gptoss_metal.convert.vocabulary import SHA256

VOCABULARY_BYTES = 3_613_922
SOURCE = {
    "repo": "openai/gpt-oss-20b", "revision": "0" * 40, "kind": "huggingface", "dtype": "BF16",
}  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    """Return the specification."""
    return (Path(__file__).parents[2] / "docs" / "MODEL_FILE.md").read_text()


def sizes(layout: Layout) -> dict[str, int]:
    """Return the bytes of a file's parts, by the names of the specification's last table."""
    found = {"header": len(layout.header(SOURCE, {}))}
    for slot in layout.slots:
        group = group_of(slot.name)
        found[group] = found.get(group, 0) + slot.size
    return found | {"**file**": sum(found.values())}


def test_offsets_of_the_example(text: str) -> None:
    layout = plan(SHAPES["20b"], VOCABULARY_BYTES)
    rows = re.findall(r"^\| (\d+) \| `(\S+)` \| (\w+) \[(.*)\] \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) > 25
    for offset, name, dtype, dims, size in rows:
        slot = layout.by_name[name]
        shape = tuple(int(n) for n in dims.split(","))
        assert (slot.offset, slot.dtype, slot.shape) == (int(offset), dtype, shape)
        assert slot.size == int(size)


def test_sizes_of_the_published_models(text: str) -> None:
    table = text[text.index("| bytes | 20b q8 |") :]
    rows = re.findall(r"^\| (\S+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", table, re.MULTILINE)
    columns = [
        sizes(plan(with_dense(SHAPES[shape], dense), VOCABULARY_BYTES))
        for shape in ("20b", "120b")
        for dense in ("q8", "bf16")
    ]
    assert {row[0] for row in rows} == set(columns[0])
    for name, *values in rows:
        assert [column[name] for column in columns] == [int(value) for value in values], name


def test_keys_and_vocabulary(text: str) -> None:
    config = text[text.index("`config` has exactly") : text.index("Not in the config")]
    named = set(re.findall(r"`(\w+)`", config)) - {"config"}
    assert named == set(as_json(SHAPES["20b"]))
    assert SHA256 in text
