"""Integer products of every instruction set against NumPy: exact within a group, float32 beyond.

On this processor the program runs under the address sanitizer, so that a read behind a matrix whose
rows do not fill a register, or behind its scales, is a failure too.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.formats import GROUP

from .products import LARGEST, Float32, Matrix, Products, expected, mxfp4, q8

STORED = ("q8", "mxfp4")
COLS = (64, 128, 192, 2880, 4096)


def random_matrix(rng: np.random.Generator, stored: str, rows: int, cols: int) -> Matrix:
    """Weights of every size, with scales as far apart as those of a model."""
    groups = (rows, cols // GROUP)
    if stored == "q8":
        scales = rng.uniform(0.25, 2, groups) * np.exp2(rng.integers(-12, 0, groups))
        return q8(rng.integers(-127, 128, (rows, cols)), scales)
    return mxfp4(rng.integers(0, 16, (rows, cols)), rng.integers(115, 128, groups))


def random_vectors(rng: np.random.Generator, tokens: int, cols: int) -> Float32:
    """Activations, each vector of another size."""
    sizes = np.exp(rng.normal(size=(tokens, 1)))
    return (rng.standard_normal((tokens, cols)) * sizes).astype(np.float32)


def assert_products(y: Float32, matrix: Matrix, x: Float32) -> None:
    """Only the order of float32 sums of groups may show; one weight in a wrong place is too much.

    The bound is that of a sum in any order: its terms' sizes, times 2^-24, times a few roundings.
    """
    want, sizes = expected(matrix, x)
    assert (np.abs(y - want) <= 1e-6 * sizes).all(), np.abs((y - want) / sizes).max()


@pytest.mark.parametrize("stored", STORED)
def test_products(products: Products, stored: str) -> None:
    """Rows and tokens that fill the tiles, and those that are left over."""
    rng = np.random.default_rng(1)
    shapes = [(rows, cols, 1 + (rows + i) % 9) for rows in range(1, 10) for i, cols in
              enumerate(COLS)]  # fmt: skip
    cases = [(random_matrix(rng, stored, rows, cols), random_vectors(rng, tokens, cols))
             for rows, cols, tokens in shapes]  # fmt: skip
    for (matrix, x), y in zip(cases, products.each(cases), strict=True):
        assert_products(y, matrix, x)


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("cols", COLS)
def test_sums_are_exact(products: Products, stored: str, cols: int) -> None:
    """Where every float32 sum of groups is exact too, the whole product is, to the bit."""
    rng = np.random.default_rng(cols)
    x = rng.integers(-500, 501, (9, cols)).astype(np.float32)
    x[:, 0] = LARGEST  # the scale is 1
    if stored == "q8":
        integers = rng.integers(-127, 128, (7, cols))
        integers[:, 0] = 0
        matrix = q8(integers)
    else:
        codes = rng.integers(0, 16, (7, cols))
        codes[:, 0] = 0
        matrix = mxfp4(codes, 128)
    want = x.astype(np.int64) @ matrix.integers.T
    assert np.abs(want).max() < 1 << 24
    np.testing.assert_array_equal(products(matrix, x), want)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("stored", STORED)
def test_largest_sums_of_a_group(products: Products, stored: str, sign: int) -> None:
    """All weights and activations as large as they can be: no sum leaves int32 or saturates."""
    cols = 192
    x = np.full((3, cols), LARGEST * sign, dtype=np.float32)
    for group in range(cols // GROUP):
        matrix = q8(np.zeros((5, cols))) if stored == "q8" else mxfp4(np.zeros((5, cols)), 128)
        width = GROUP if stored == "q8" else GROUP // 2
        # -128 is not stored by the converter, yet it is an int8; 0xFF is -6 and -6.
        matrix.values[:, group * width : (group + 1) * width] = -128 if stored == "q8" else 0xFF
        want = x.astype(np.int64) @ matrix.integers.T
        np.testing.assert_array_equal(products(matrix, x), want)


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("cols", [192, 2880])
def test_results_do_not_depend_on_what_else_is_computed(
    products: Products, stored: str, cols: int
) -> None:
    """Neither on how many tokens and rows come together nor on the place among them, to the bit."""
    rng = np.random.default_rng(cols)
    matrix, x = random_matrix(rng, stored, 13, cols), random_vectors(rng, 9, cols)
    whole = products(matrix, x)
    parts = [(first, last, start, end) for first, last in [(0, 13), (0, 1), (3, 8), (11, 13)]
             for end in range(1, 10) for start in (0, end - 1, end // 2)]  # fmt: skip
    found = products.each([(matrix.part(first, last), x[start:end])
                           for first, last, start, end in parts])  # fmt: skip
    for (first, last, start, end), y in zip(parts, found, strict=True):
        np.testing.assert_array_equal(y, whole[start:end, first:last])


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 230])
def test_scales_of_mxfp4(products: Products, code: int) -> None:
    """Powers of two, down to the subnormal 2^-127; a product with the largest would overflow."""
    rng = np.random.default_rng(code)
    x = random_vectors(rng, 3, 192) * np.float32(2.0 ** min(120, 127 - code // 2))
    codes = rng.integers(0, 16, (5, 192))
    matrix = mxfp4(codes, code)
    y = products(matrix, x)
    assert np.isfinite(y).all()
    assert np.abs(y).min() > 0
    assert_products(y, matrix, x)
    # The other groups have their own.
    mixed = mxfp4(codes, [code, 127, 120, code, 127, 127])
    assert_products(products(mixed, x), mixed, x)


@pytest.mark.parametrize("code", [253, 254])
def test_largest_scale_of_mxfp4(products: Products, code: int) -> None:
    """2^126 and 2^127 beside weights of zero change nothing; only where 2^127 does not fit the
    arithmetic it is no number, and so nothing that could be taken for a result."""
    rng = np.random.default_rng(code)
    x = random_vectors(rng, 2, 128)
    codes = rng.integers(0, 16, (5, 128))
    codes[:, :32] = 0
    matrix = mxfp4(codes, [code, 127, 127, 127])
    y = products(matrix, x)
    if code == 254 and products.isa == "avx512vnni":
        assert np.isnan(y).all()
    else:
        assert_products(y, matrix, x)


def test_scale_of_mxfp4_that_is_no_number(products: Products) -> None:
    """Code 255 is NaN: all rows and tokens that meet it show it, also beside weights of zero."""
    rng = np.random.default_rng(255)
    x = random_vectors(rng, 5, 128)
    codes = rng.integers(0, 16, (5, 128))
    codes[1, 32:64] = 0
    matrix = mxfp4(codes, [127, 255, 127, 127])
    assert not np.isfinite(products(matrix, x)).any()


@pytest.mark.parametrize("bits", [0x0000, 0x0001, 0x0200, 0x03FF, 0x0400, 0x3C00, 0x7BFF])
def test_scales_of_q8(products: Products, bits: int) -> None:
    """Zero, subnormal, the smallest normal, one and the largest."""
    scale = np.array(bits, dtype=np.uint16).view(np.float16)
    rng = np.random.default_rng(bits)
    x = random_vectors(rng, 3, 192)
    integers = rng.integers(-127, 128, (5, 192))
    matrix = q8(integers, scale)
    y = products(matrix, x)
    assert (y != 0).all() == (bits != 0)
    assert_products(y, matrix, x)
    mixed = q8(integers, [scale, 1, 0.5, scale, 2, 1])
    assert_products(products(mixed, x), mixed, x)


@pytest.mark.parametrize("stored", STORED)
def test_vectors_of_nothing(products: Products, stored: str) -> None:
    """Zeros, and what is too small to divide by, give zeros; their neighbours are untouched."""
    rng = np.random.default_rng(3)
    matrix, x = random_matrix(rng, stored, 5, 192), random_vectors(rng, 3, 192)
    whole = products(matrix, x)
    for nothing in (0.0, -0.0, 1e-40, 1e-31):
        x[1] = nothing
        y = products(matrix, x)
        np.testing.assert_array_equal(y[1], 0)
        np.testing.assert_array_equal(y[[0, 2]], whole[[0, 2]])


@pytest.mark.parametrize("place", [0, 63, 64, 191])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("stored", STORED)
def test_not_a_number_stays_in_its_row(
    products: Products, stored: str, wrong: float, place: int
) -> None:
    rng = np.random.default_rng(4)
    matrix, x = random_matrix(rng, stored, 5, 192), random_vectors(rng, 9, 192)
    whole = products(matrix, x)
    for token in (0, 4, 8):
        damaged = x.copy()
        damaged[token, place] = wrong
        y = products(matrix, damaged)
        assert np.isnan(y[token]).all()
        others = np.arange(9) != token
        np.testing.assert_array_equal(y[others], whole[others])


@pytest.mark.parametrize("stored", STORED)
def test_an_outlier_costs_what_its_rounding_may(products: Products, stored: str) -> None:
    """Beside an activation 1000 times the rest, these are as exact as bfloat16 would have them.

    They are whole multiples of the outlier / 32512, so wrong by half of that at most, each.
    """
    rng = np.random.default_rng(5)
    matrix, x = random_matrix(rng, stored, 9, 2880), random_vectors(rng, 3, 2880)
    x[:, 777] = 1000 * np.abs(x).mean(axis=1)
    y = products(matrix, x)
    assert_products(y, matrix, x)
    truth = x.astype(np.float64) @ matrix.weights.T
    of_bfloat16 = np.abs(_bfloat16(x) @ matrix.weights.T - truth).mean()
    assert np.abs(y - truth).mean() < of_bfloat16


def _bfloat16(x: Float32) -> Float32:
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)
