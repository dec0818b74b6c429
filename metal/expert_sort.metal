// Prefill: sorts the (token, chosen expert) pairs by expert and cuts each expert's pairs into tiles
// for the grouped matmuls.
//
// chosen  uint [pairs]: the expert of pair token * top_k + choice
// order   uint [pairs], written: the pairs by expert, each expert's in ascending order
// tiles   ExpertTile [tiles], written: the tiles in the order of `order`; those left over have
//         rows = 0. tiles = pairs / 32 + experts is always enough.
//
// Grid: one threadgroup of 1024 threads. A counting sort: simdgroup s takes the s-th part of the
// pairs, 32 at a time, and counts its pairs of each expert; sums over simdgroups and experts give
// every simdgroup its places; then it goes through its pairs again. Pairs of the same expert among
// 32 find each other by 7 ballots, so the order never depends on timing.
// Threadgroup memory: uint counts [32 simdgroups, 128 experts], then first place [128] and first
// tile [128 + 1] of each expert.
#include "metal/common.h"

constant constexpr uint kSortSimds = GPTOSS_SORT_THREADS / kLanes;
constant constexpr uint kMostExperts = 128;

// The lanes, as bits, that have the same key (less than 128).
GPTOSS_INLINE uint lanes_alike(uint key) {
  uint alike = 0xffffffffu;
  GPTOSS_UNROLL
  for (uint bit = 0; bit < 7; ++bit) {
    const bool set = (key >> bit & 1) != 0;
    const uint having = uint(ulong(simd_ballot(set)));
    alike &= set ? having : ~having;
  }
  return alike;
}

// The places of the simdgroup's pairs [begin, end) among those of their expert; each is written to
// order[first[expert] + place] if `write`. `counts` [experts] grows by their numbers.
GPTOSS_INLINE void count_pairs(device const uint* chosen,
                               uint begin,
                               uint end,
                               uint lane,
                               bool write,
                               threadgroup uint* counts,
                               threadgroup const uint* first,
                               device uint* order) {
  for (uint base = begin; base < end; base += kLanes) {
    const uint pair = base + lane;
    const bool valid = pair < end;
    const uint expert = valid ? chosen[pair] : 0;
    const uint everyone = uint(ulong(simd_ballot(valid)));
    const uint alike = lanes_alike(expert) & everyone;
    const uint place = popcount(alike & ((1u << lane) - 1));
    if (valid && write) {
      order[first[expert] + counts[expert] + place] = pair;
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    if (valid && place == 0) {
      counts[expert] += popcount(alike);
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
  }
}

// Turns the counts of one expert into the number of its pairs in the simdgroups before; returns
// their total.
GPTOSS_INLINE uint add_up(threadgroup uint* counts, uint expert) {
  uint sum = 0;
  for (uint s = 0; s < kSortSimds; ++s) {
    const uint count = counts[s * kMostExperts + expert];
    counts[s * kMostExperts + expert] = sum;
    sum += count;
  }
  return sum;
}

GPTOSS_INLINE uint tiles_of(uint pairs) {
  return (pairs + GPTOSS_EXPERT_TILE - 1) / GPTOSS_EXPERT_TILE;
}

// Turns `first` from numbers of pairs to first places, and writes the first tiles and, behind them,
// the number of all tiles. One simdgroup, 4 experts per lane.
GPTOSS_INLINE void place_experts(threadgroup uint* first, threadgroup uint* first_tile, uint lane) {
  constexpr uint kShare = kMostExperts / kLanes;
  uint counts[kShare];
  uint pairs = 0;
  uint used = 0;
  GPTOSS_UNROLL
  for (uint i = 0; i < kShare; ++i) {
    counts[i] = first[lane * kShare + i];
    pairs += counts[i];
    used += tiles_of(counts[i]);
  }
  uint place = simd_prefix_exclusive_sum(pairs);
  uint tile = simd_prefix_exclusive_sum(used);
  GPTOSS_UNROLL
  for (uint i = 0; i < kShare; ++i) {
    first[lane * kShare + i] = place;
    first_tile[lane * kShare + i] = tile;
    place += counts[i];
    tile += tiles_of(counts[i]);
  }
  if (lane == kLanes - 1) {
    first_tile[kMostExperts] = tile;
  }
}

kernel void expert_sort(constant SortArgs& args [[buffer(0)]],
                        device const uint* chosen [[buffer(1)]],
                        device uint* order [[buffer(2)]],
                        device ExpertTile* tiles [[buffer(3)]],
                        threadgroup uint* counts [[threadgroup(0)]],
                        uint thread_index [[thread_index_in_threadgroup]],
                        uint lane [[thread_index_in_simdgroup]],
                        uint simd [[simdgroup_index_in_threadgroup]]) {
  threadgroup uint* first = counts + kSortSimds * kMostExperts;
  threadgroup uint* first_tile = first + kMostExperts;
  for (uint i = thread_index; i < kSortSimds * kMostExperts; i += GPTOSS_SORT_THREADS) {
    counts[i] = 0;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const uint groups = (args.pairs + kLanes - 1) / kLanes;
  const uint share = (groups + kSortSimds - 1) / kSortSimds * kLanes;
  const uint begin = min(simd * share, args.pairs);
  const uint end = min(begin + share, args.pairs);
  threadgroup uint* own = counts + simd * kMostExperts;
  count_pairs(chosen, begin, end, lane, false, own, first, order);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  if (thread_index < kMostExperts) {
    first[thread_index] = add_up(counts, thread_index);  // for now, its number of pairs
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simd == 0) {
    place_experts(first, first_tile, lane);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  count_pairs(chosen, begin, end, lane, true, own, first, order);
  for (uint e = simd; e < args.experts; e += kSortSimds) {
    const uint stop = e + 1 < kMostExperts ? first[e + 1] : args.pairs;
    for (uint t = first_tile[e] + lane; t < first_tile[e + 1]; t += kLanes) {
      const uint start = first[e] + (t - first_tile[e]) * GPTOSS_EXPERT_TILE;
      tiles[t].expert = e;
      tiles[t].first = start;
      tiles[t].rows = min(stop - start, uint(GPTOSS_EXPERT_TILE));
    }
  }
  const uint used = first_tile[kMostExperts];
  for (uint t = used + thread_index; t < args.tiles; t += GPTOSS_SORT_THREADS) {
    tiles[t].expert = 0;
    tiles[t].first = 0;
    tiles[t].rows = 0;
  }
}
