"""Grids, thread positions, threadgroup memory, function constants, and orders of execution."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import msl, only_finding

IDS = msl("""
kernel void ids(device uint* y [[buffer(0)]], uint3 grid [[thread_position_in_grid]],
                uint3 thread_ [[thread_position_in_threadgroup]],
                uint3 group [[threadgroup_position_in_grid]],
                uint index [[thread_index_in_threadgroup]],
                uint lane [[thread_index_in_simdgroup]],
                uint simdgroup [[simdgroup_index_in_threadgroup]],
                uint3 size [[threads_per_threadgroup]], uint3 groups [[threadgroups_per_grid]],
                uint simdgroups [[simdgroups_per_threadgroup]]) {
  uint3 total = size * groups;
  device uint* row = y + 12 * (grid.x + total.x * (grid.y + total.y * grid.z));
  row[0] = thread_.x;
  row[1] = thread_.y;
  row[2] = thread_.z;
  row[3] = group.x;
  row[4] = group.y;
  row[5] = group.z;
  row[6] = index;
  row[7] = lane;
  row[8] = simdgroup;
  row[9] = size.x + 10 * size.y + 100 * size.z;
  row[10] = groups.x + 10 * groups.y + 100 * groups.z;
  row[11] = simdgroups;
}
""")


@pytest.mark.parametrize("command", ["dispatch", "dispatch_threads"])
def test_positions_in_three_dimensions(metal: ModuleType, command: str) -> None:
    groups, size = (3, 2, 2), (5, 4, 3)
    total = tuple(g * s for g, s in zip(groups, size, strict=True))
    y = np.zeros((total[2], total[1], total[0], 12), np.uint32)
    grid = groups if command == "dispatch" else total
    assert metal.run(IDS, [(command, "ids", {0: y}, {}, grid, size)]) == [""]
    z_, y_, x_ = np.meshgrid(*(np.arange(n) for n in reversed(total)), indexing="ij")
    position = (x_, y_, z_)
    thread = [p % s for p, s in zip(position, size, strict=True)]
    index = thread[0] + 5 * (thread[1] + 4 * thread[2])
    group = [p // s for p, s in zip(position, size, strict=True)]
    constant = [np.full_like(x_, n) for n in (345, 223, 2)]
    expected = np.stack([*thread, *group, index, index % 32, index // 32, *constant], axis=-1)
    assert np.array_equal(y, expected)


RAGGED = msl("""
kernel void edges(device uint* y [[buffer(0)]], uint3 grid [[thread_position_in_grid]],
                  uint3 total [[threads_per_grid]], uint index [[thread_index_in_threadgroup]],
                  uint3 size [[threads_per_threadgroup]],
                  uint3 full [[dispatch_threads_per_threadgroup]]) {
  device uint* row = y + 4 * (grid.x + total.x * (grid.y + total.y * grid.z));
  row[0] = index;
  row[1] = size.x + 10 * size.y + 100 * size.z;
  row[2] = full.x + 10 * full.y + 100 * full.z;
  row[3] = simd_sum(1);
}
""")


@pytest.mark.parametrize("mode", ["fast", "checked"])
def test_ragged_grids(metal: ModuleType, mode: str) -> None:
    """The last threadgroups of each dimension are smaller, and so are their simdgroups."""
    metal.set_mode(mode)
    total, size = (13, 7, 3), (8, 4, 2)
    y = np.zeros((*reversed(total), 4), np.uint32)
    assert metal.run(RAGGED, [("dispatch_threads", "edges", {0: y}, {}, total, size)]) == [""]
    for z, y_, x in np.ndindex(*reversed(total)):
        thread = [p % s for p, s in zip((x, y_, z), size, strict=True)]
        begin = [p - t for p, t in zip((x, y_, z), thread, strict=True)]
        here = [min(s, n - b) for s, n, b in zip(size, total, begin, strict=True)]
        index = thread[0] + here[0] * (thread[1] + here[1] * thread[2])
        count = here[0] * here[1] * here[2]
        lanes = min(32, count - index // 32 * 32)
        assert y[z, y_, x].tolist() == [index, here[0] + 10 * here[1] + 100 * here[2], 248, lanes]


def test_parties_of_ragged_grids(checked: ModuleType) -> None:
    """Positions in messages are right in small threadgroups, too."""
    source = msl("""
kernel void same(device uint* y [[buffer(0)]], uint2 i [[thread_position_in_grid]]) {
  if (i.x == 9) y[0] = i.y;  // @write
}
""")
    y = np.zeros(1, np.uint32)
    checked.run(source, [("dispatch_threads", "same", {0: y}, {}, (10, 2, 1), (8, 2, 1))])
    finding = only_finding(checked, "race", "same")
    assert "thread (1, 1, 0) of group (1, 0, 0)" in finding["first"]
    assert "thread (1, 0, 0) of group (1, 0, 0)" in finding["second"]


CONSTANTS = msl("""
constant bool kTwice [[function_constant(0)]];
constant uint kOffset [[function_constant(3)]];
constant float kScale [[function_constant(5)]];
kernel void scale(device float* y [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float value = kScale * float(i + kOffset);
  y[i] = kTwice ? 2 * value : value;
}
""")


@pytest.mark.parametrize("twice", [True, False])
def test_function_constants(metal: ModuleType, twice: bool) -> None:
    y = np.zeros(32, np.float32)
    dispatch = ("dispatch", "scale", {0: y}, {}, (1, 1, 1), (32, 1, 1))
    metal.run(CONSTANTS, [dispatch], constants={0: twice, 3: 10, 5: 0.5})
    assert np.array_equal(y, 0.5 * (np.arange(32) + 10) * (2 if twice else 1))


def test_pipelines_keep_their_constants(metal: ModuleType) -> None:
    """Two pipelines of one library, alive at the same time, do not share values."""
    y = np.zeros(32, np.float32)
    dispatch = ("dispatch", "scale", {0: y}, {}, (1, 1, 1), (32, 1, 1))
    for offset in (1, 2, 1):
        metal.run(CONSTANTS, [dispatch], constants={0: False, 3: offset, 5: 1.0})
        assert y[0] == offset


REDUCE = msl("""
kernel void total(constant uint& count [[buffer(0)]], device const float* x [[buffer(1)]],
                  device float* y [[buffer(2)]], threadgroup float* sums [[threadgroup(0)]],
                  uint i [[thread_index_in_threadgroup]],
                  uint group [[threadgroup_position_in_grid]],
                  uint lane [[thread_index_in_simdgroup]],
                  uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  float sum = 0;
  for (uint k = group * 256 + i; k < count; k += 1024) sum += x[k];
  sum = simd_sum(sum);
  if (lane == 0) sums[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simdgroup == 0) {
    float part = lane < 8 ? sums[lane] : 0;
    part = simd_sum(part);
    if (lane == 0) y[group] = part;
  }
}
""")
ORDERS = [("forward", 0), ("reverse", 0), ("seeded", 1), ("seeded", 2), ("seeded", 3)]


@pytest.mark.parametrize("mode", ["fast", "checked"])
def test_all_orders_agree(metal: ModuleType, mode: str) -> None:
    """A kernel without races gives the same bits in every order, mode and number of threads."""
    x = np.random.default_rng(1).standard_normal(3001).astype(np.float32)
    metal.set_mode(mode)
    results = []
    for order, seed in ORDERS:
        metal.set_order(order, seed)
        metal.set_threads(1 + seed % 2)
        y = np.zeros(4, np.float32)
        bindings = {0: np.uint32(len(x)).tobytes(), 1: x, 2: y}
        metal.run(REDUCE, [("dispatch", "total", bindings, {0: 32}, (4, 1, 1), (256, 1, 1))])
        results.append(y)
    assert all(np.array_equal(results[0], result) for result in results)
    assert np.isclose(results[0].sum(), x.sum(dtype=np.float64), rtol=1e-5)


def test_orders_differ(metal: ModuleType) -> None:
    """They are really different: who comes first to an atomic counter depends on the order."""
    source = msl("""
kernel void arrive(device atomic_uint* next [[buffer(0)]], device uint* place [[buffer(1)]],
                   uint i [[thread_position_in_grid]]) {
  place[i] = atomic_fetch_add_explicit(next, 1u, memory_order_relaxed);
}
""")
    places = set()
    for order, seed in ORDERS:
        metal.set_order(order, seed)
        place = np.zeros(128, np.uint32)
        bindings = {0: np.zeros(1, np.uint32), 1: place}
        metal.run(source, [("dispatch", "arrive", bindings, {}, (4, 1, 1), (32, 1, 1))])
        assert sorted(place.tolist()) == list(range(128))
        places.add(tuple(place.tolist()))
    assert len(places) == len(ORDERS)


def test_threadgroup_memory_is_not_shared_between_groups(metal: ModuleType) -> None:
    source = msl("""
kernel void own(device uint* y [[buffer(0)]], threadgroup uint* tile [[threadgroup(0)]],
                uint i [[thread_index_in_threadgroup]],
                  uint group [[threadgroup_position_in_grid]]) {
  tile[i] = group * 64 + i;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[group * 64 + i] = tile[63 - i];
}
""")
    metal.set_threads(2)
    y = np.zeros(64 * 64, np.uint32)
    metal.run(source, [("dispatch", "own", {0: y}, {0: 256}, (64, 1, 1), (64, 1, 1))])
    assert np.array_equal(y.reshape(64, 64), np.arange(64 * 64).reshape(64, 64)[:, ::-1])
