"""A model file of ours as arrays, for the writers of other formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gptoss_metal.config import Config
from gptoss_metal.convert.checkpoint import read_header
from gptoss_metal.convert.config import config_from_json

DTYPES: Final[dict[str, type[np.generic]]] = {
    "U8": np.uint8,
    "I8": np.int8,
    "F16": np.float16,
    "BF16": np.uint16,
    "F32": np.float32,
}


class ModelFile:
    """The tensors of a model file, mapped; bfloat16 comes as uint16 bits.

    Raises:
        Error: there is no such file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header = read_header(path)
        values = json.loads(self._header.metadata["config"])
        self.config: Config = config_from_json(values, path.name)

    def __getitem__(self, name: str) -> NDArray[Any]:
        entry = self._header.entries[name]
        return np.memmap(self.path, DTYPES[entry.dtype], "r", entry.offset, entry.shape)
