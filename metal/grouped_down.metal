// Prefill: the second matrix of the experts with bias; results go back to their own pairs.
//
// gated    float [pairs, cols] in the order of `order`; cols a multiple of 64
// order    uint [pairs]: pair indices (token * top_k + choice) sorted by expert
// tiles    ExpertTile [grid y]: up to 32 consecutive entries of `order`, all of one expert
// blocks   MXFP4 codes [experts, rows, cols / 32, 16 bytes]
// scales   E8M0 [experts, rows, cols / 32]
// bias     float [experts, rows]
// outputs  float [pairs, rows] by pair index, written; the mixing weights follow in mix
//
// Grid: x = 64 rows (a multiple of 64 in all), y = tiles; 128 threads. Unused tiles return at once.
// Threadgroup memory: 13824 bytes: half tokens [32, 64 + 8] and weights [64, 64 + 8], or float
// [32, 32 + 4] and [64, 32 + 4] (exact). Accumulates in float. The tile product: tiles.h.
#include "metal/tiles.h"

template <class T>
GPTOSS_INLINE void down_tile(constant ExpertArgs& args,
                             device const float* gated,
                             device const uint* order,
                             device const ExpertTile& tile,
                             device const uint* blocks,
                             device const uchar* scales,
                             device const float* bias,
                             device float* outputs,
                             threadgroup T* shared,
                             uint tile_row,
                             uint thread_index,
                             uint lane,
                             uint simd) {
  constexpr uint kCols = 128 / sizeof(T);
  constexpr uint kTokens = GPTOSS_EXPERT_TILE;
  const uint first = tile.first;
  const uint count = tile.rows;
  const uint fetched = min(fetched_token<T, kCols>(thread_index), count - 1);
  const ulong expert_row = ulong(tile.expert) * args.rows + tile_row;
  const Mxfp4Row source =
      mxfp4_row(blocks, scales, expert_row + fetched_row(thread_index), args.cols);
  const uint token = first_token<kTokens>(simd);
  TileSums<kTokens> sums;
  multiply_tile<T, kCols, kTokens>(gated + ulong(first + fetched) * args.cols, source, args.cols,
                                   token < count, shared, thread_index, simd, sums);
  const uint lane_row = first_row(simd) + matrix_column(lane);
  GPTOSS_UNROLL
  for (uint i = 0; i < kTokens / 16; ++i) {
    const uint t = token + 8 * i + matrix_row(lane);
    if (t >= count) {
      continue;
    }
    device float* result = outputs + ulong(order[first + t]) * args.rows + tile_row;
    GPTOSS_UNROLL
    for (uint j = 0; j < kSimdRows / 8; ++j) {
      const uint row = lane_row + 8 * j;
      result[row] = sums.at[i][j].thread_elements()[0] + bias[expert_row + row];
      result[row + 1] = sums.at[i][j].thread_elements()[1] + bias[expert_row + row + 1];
    }
  }
}

kernel void grouped_down(constant ExpertArgs& args [[buffer(0)]],
                         device const float* gated [[buffer(1)]],
                         device const uint* order [[buffer(2)]],
                         device const ExpertTile* tiles [[buffer(3)]],
                         device const uint* blocks [[buffer(4)]],
                         device const uchar* scales [[buffer(5)]],
                         device const float* bias [[buffer(6)]],
                         device float* outputs [[buffer(7)]],
                         threadgroup float4* shared [[threadgroup(0)]],
                         uint2 group [[threadgroup_position_in_grid]],
                         uint thread_index [[thread_index_in_threadgroup]],
                         uint lane [[thread_index_in_simdgroup]],
                         uint simd [[simdgroup_index_in_threadgroup]]) {
  if (tiles[group.y].rows == 0) {
    return;
  }
  const uint row = group.x * kTileRows;
  if (kExact) {
    down_tile<float>(args, gated, order, tiles[group.y], blocks, scales, bias, outputs,
                     (threadgroup float*)shared, row, thread_index, lane, simd);
  } else {
    down_tile<half>(args, gated, order, tiles[group.y], blocks, scales, bias, outputs,
                    (threadgroup half*)shared, row, thread_index, lane, simd);
  }
}
