"""Integer products of the CPU backend, as the kernels and as NumPy compute them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.reference.formats import E2M1, GROUP

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LARGEST = 32512
"""What the largest activation of a vector is rounded to."""


@dataclass(frozen=True)
class Matrix:
    """A stored matrix of q8 or MXFP4 weights."""

    values: npt.NDArray[np.int8] | npt.NDArray[np.uint8]
    """q8: int8 [rows, cols]; MXFP4: uint8 [rows, cols / 2], two codes each, the lower first."""
    scales: npt.NDArray[np.float16] | npt.NDArray[np.uint8]
    """float16 or E8M0 [rows, cols / 32]"""

    @property
    def mxfp4(self) -> bool:
        """Which of the two it is."""
        return self.values.dtype == np.uint8

    @property
    def cols(self) -> int:
        """Weights of a row."""
        return self.values.shape[1] * (2 if self.mxfp4 else 1)

    @property
    def integers(self) -> Integers:
        """The whole numbers that are multiplied, [rows, cols]: of MXFP4, twice the value."""
        if not self.mxfp4:
            return self.values.astype(np.int64)
        codes = np.stack([self.values & 15, self.values >> 4], axis=2)
        return (2 * E2M1[codes]).astype(np.int64).reshape(len(codes), -1)

    @property
    def units(self) -> Float64:
        """What one of those numbers is worth, [rows, cols / 32]."""
        if not self.mxfp4:
            return self.scales.astype(np.float64)
        return np.ldexp(1.0, self.scales.astype(np.int32) - 128)

    @property
    def weights(self) -> Float64:
        """The values, [rows, cols]."""
        return self.integers * np.repeat(self.units, GROUP, axis=1)

    def part(self, first: int, last: int) -> Matrix:
        """Take some of the rows."""
        return Matrix(self.values[first:last], self.scales[first:last])


def q8(integers: npt.ArrayLike, scales: npt.ArrayLike = 1.0) -> Matrix:
    """Whole numbers -128 .. 127 [rows, cols] with their groups' scales, or one scale for all."""
    values = np.array(integers, dtype=np.int8)
    groups = (len(values), values.shape[1] // GROUP)
    return Matrix(values, np.broadcast_to(np.asarray(scales, dtype=np.float16), groups).copy())


def mxfp4(codes: npt.ArrayLike, scales: npt.ArrayLike = 127) -> Matrix:
    """E2M1 codes [rows, cols] with their groups' scale bytes, or one for all."""
    each = np.array(codes, dtype=np.uint8)
    groups = (len(each), each.shape[1] // GROUP)
    scale_bytes = np.broadcast_to(np.asarray(scales, dtype=np.uint8), groups).copy()
    return Matrix(each[:, ::2] | (each[:, 1::2] << 4), scale_bytes)


def rounded(x: Float32) -> tuple[Integers, Float64]:
    """Round vectors [tokens, cols] to whole numbers; returns them and each vector's scale."""
    largest = np.abs(x).max(axis=1)
    inverse = np.float32(LARGEST) / largest
    whole = np.rint(x * inverse[:, None]).astype(np.int64)
    return whole, (largest / np.float32(LARGEST)).astype(np.float64)


def expected(matrix: Matrix, x: Float32) -> tuple[Float64, Float64]:
    """Compute the products [tokens, rows] without rounding, and the sums of their terms' sizes."""
    whole, scales = rounded(x)
    weights = matrix.weights
    return whole @ weights.T * scales[:, None], (
        np.abs(whole) @ np.abs(weights).T * scales[:, None]
    )


@dataclass(frozen=True)
class Products:
    """The integer products of one instruction set."""

    command: tuple[str | Path, ...]
    """Of products.cpp."""
    isa: str

    def __call__(self, matrix: Matrix, x: Float32) -> Float32:
        """Multiply: y [tokens, rows] of x [tokens, cols]."""
        (y,) = self.each([(matrix, x)])
        return y

    def each(self, cases: list[tuple[Matrix, Float32]]) -> list[Float32]:
        """Multiply several matrices and vectors, in one process."""
        message = b""
        for matrix, x in cases:
            rows = len(matrix.values)
            header = np.array([matrix.mxfp4, rows, matrix.cols, len(x)], dtype=np.int32)
            arrays = (header, matrix.values, matrix.scales, x)
            message += b"".join(array.tobytes() for array in arrays)
        run = subprocess.run(
            [*self.command, self.isa], input=message, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stderr.decode()
        shapes = [(len(x), len(matrix.values)) for matrix, x in cases]
        ends = np.cumsum([tokens * rows for tokens, rows in shapes])
        results = np.split(np.frombuffer(run.stdout, dtype=np.float32), ends[:-1])
        return [y.reshape(shape) for y, shape in zip(results, shapes, strict=True)]

    @property
    def supported(self) -> bool:
        """Whether this processor has the set."""
        run = subprocess.run([*self.command, self.isa], input=b"", check=False, capture_output=True)
        lacking = f"does not run '{self.isa}' code" in run.stderr.decode()
        assert lacking or run.returncode == 0, run.stderr.decode()
        return not lacking
