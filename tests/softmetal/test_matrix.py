"""Simdgroup matrices: loads, stores, transposes, and products in float, half and mixed."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import msl

DTYPES = {"float": np.float32, "half": np.float16}

PRODUCT = msl("""
kernel void product(device const INPUT* a [[buffer(0)]], device const INPUT* b [[buffer(1)]],
                    device OUTPUT* c [[buffer(2)]]) {
  simdgroup_matrix<INPUT, 8, 8> x, y;
  simdgroup_matrix<OUTPUT, 8, 8> sum;
  simdgroup_load(x, a, 8, ulong2{0, 0}, TRANSPOSED);
  simdgroup_load(y, b, 8);
  simdgroup_load(sum, c, 8);
  simdgroup_multiply_accumulate(sum, x, y, sum);
  simdgroup_store(sum, c, 8);
}
""")


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("inputs", "output"), [("float", "float"), ("half", "half"), ("half", "float")]
)
def test_products(metal: ModuleType, inputs: str, output: str, transposed: bool) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-8, 9, (8, 8)).astype(DTYPES[inputs]) for _ in range(2))
    c = rng.integers(-8, 9, (8, 8)).astype(DTYPES[output])
    expected = c.astype(np.float64) + (a.T if transposed else a).astype(np.float64) @ b
    source = PRODUCT.replace("INPUT", inputs).replace("OUTPUT", output)
    source = source.replace("TRANSPOSED", str(transposed).lower())
    dispatch = ("dispatch", "product", {0: a, 1: b, 2: c}, {}, (1, 1, 1), (32, 1, 1))
    assert metal.run(source, [dispatch]) == [""]
    assert np.array_equal(c, expected.astype(c.dtype))


TILE = msl("""
kernel void move(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                 threadgroup float* tile [[threadgroup(0)]],
                 uint lane [[thread_index_in_simdgroup]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, x, 20, ulong2{3, 2});
  simdgroup_store(m, tile, 8, ulong2{0, 0}, true);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  y[lane] = tile[lane];
  y[lane + 32] = tile[lane + 32];
}
""")


def test_origins_strides_and_threadgroup_memory(checked: ModuleType) -> None:
    """The origin is (column, row); the store transposes; a barrier stands before plain reads."""
    x = np.arange(10 * 20, dtype=np.float32).reshape(10, 20)
    y = np.zeros((8, 8), np.float32)
    checked.run(TILE, [("dispatch", "move", {0: x, 1: y}, {0: 256}, (1, 1, 1), (32, 1, 1))])
    assert np.array_equal(y, x[2:10, 3:11].T)


def test_matrix_accesses_are_checked(checked: ModuleType) -> None:
    """A load one row too far is out of bounds, a missing barrier after a store is a race."""
    x = np.arange(10 * 20, dtype=np.float32)
    y = np.zeros(64, np.float32)
    bindings = {0: x, 1: y}
    source = TILE.replace("ulong2{3, 2}", "ulong2{13, 3}")
    checked.run(source, [("dispatch", "move", bindings, {0: 256}, (1, 1, 1), (32, 1, 1))])
    assert {finding["kind"] for finding in checked.take_findings()} == {"out-of-bounds"}
    source = TILE.replace("simdgroup_barrier(mem_flags::mem_threadgroup);", "")
    checked.run(source, [("dispatch", "move", bindings, {0: 256}, (1, 1, 1), (32, 1, 1))])
    assert "race" in {finding["kind"] for finding in checked.take_findings()}


def test_layout_and_filled_matrices(metal: ModuleType) -> None:
    """Each lane holds two neighbouring elements of a row, where Apple's GPUs have them."""
    source = msl("""
kernel void layout(device float* y [[buffer(0)]], device float* z [[buffer(1)]],
                   device float* w [[buffer(2)]], uint lane [[thread_index_in_simdgroup]]) {
  simdgroup_float8x8 m;
  m.thread_elements()[0] = float(2 * lane);
  m.thread_elements()[1] = float(2 * lane + 1);
  simdgroup_store(m, y, 8);
  simdgroup_float8x8 filled = make_filled_simdgroup_matrix<float, 8, 8>(3);
  simdgroup_store(filled, z, 8);
  simdgroup_float8x8 diagonal(2);
  simdgroup_store(diagonal, w, 8);
}
""")
    y, z, w = (np.zeros((8, 8), np.float32) for _ in range(3))
    dispatch = ("dispatch", "layout", {0: y, 1: z, 2: w}, {}, (1, 1, 1), (32, 1, 1))
    assert metal.run(source, [dispatch]) == [""]
    for lane in range(32):
        row = (lane >> 4 & 1) * 4 + (lane >> 1 & 3)
        column = (lane >> 3 & 1) * 4 + (lane & 1) * 2
        assert y[row, column] == 2 * lane
        assert y[row, column + 1] == 2 * lane + 1
    assert np.all(z == 3)
    assert np.array_equal(w, 2 * np.eye(8))
