"""Reading and writing .safetensors files by hand, because numpy has no bfloat16."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STORAGE = {"BF16": np.uint16, "U8": np.uint8, "I32": np.int32, "F32": np.float32}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file; BF16 values are held as the uint16 of their bits.

    Attributes:
        dtype: the format's name of the type, one of ``STORAGE``.
        data: the values or bits; its shape is the tensor's.
    """

    dtype: str
    data: NDArray[np.generic]


def bf16(values: NDArray[np.float32]) -> Tensor:
    """Return float32 values rounded to nearest even as a BF16 tensor."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return Tensor("BF16", rounded.astype(np.uint16))


def to_float(tensor: Tensor) -> NDArray[np.float32]:
    """Return the values of a BF16 tensor as float32."""
    return (tensor.data.astype(np.uint32) << 16).view(np.float32)


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors in the order given; the file appears whole or not at all."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.data.nbytes
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.data.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor.data).data)
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata: dict[str, str] = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[start + first : start + last], STORAGE[entry["dtype"]])
        tensors[name] = Tensor(entry["dtype"], values.reshape(entry["shape"]))
    return tensors, metadata


def total_bytes(tensors: Iterable[Tensor]) -> int:
    """Return the number of data bytes of tensors."""
    return sum(tensor.data.nbytes for tensor in tensors)
