"""Prepare the demo model: expand the stored weights and convert them, as any checkpoint is.

    python tools/demo/prepare.py

Afterwards the name ``demo`` works wherever a model name does. Does nothing when the demo in the
model store was made from these very weights.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from gptoss_metal import convert, store
from gptoss_metal.errors import Error

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import expand  # noqa: E402  (a neighbour of this script, found through the line above)


def fingerprint() -> str:
    """A digest of all that the expanded checkpoint depends on."""
    digest = hashlib.sha256(expand.WEIGHTS.read_bytes())
    for source in sorted(FOLDER.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def is_current(target: Path, name: str) -> bool:
    """Whether ``target`` was converted from an expansion of that name."""
    if not target.is_file():
        return False
    try:
        source = convert.describe(target)["source"]
    except Error:
        return False  # a damaged file is made anew
    return Path(str(source.get("path", ""))).name == name


def prepare() -> Path:
    """Make the model store's ``demo`` and return its path."""
    target = store.model_file("demo")
    name = f"demo-{fingerprint()}"
    if is_current(target, name):
        print(f"The demo model is ready: {target}")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / name
        print("Expanding the demo model into a Hugging Face checkpoint …")
        expand.expand(expand.WEIGHTS, checkpoint)
        print("Converting it …")
        convert.convert(checkpoint, target, overwrite=True)
    print(f"The demo model is ready: {target}")
    return target


if __name__ == "__main__":
    prepare()
