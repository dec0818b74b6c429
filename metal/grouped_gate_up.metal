// Prefill: the first matrix of the experts with bias, and SwiGLU, for tokens sorted by expert.
//
// normed  float [tokens, cols]; cols a multiple of 64
// order   uint [pairs]: pair indices (token * top_k + choice) sorted by expert
// tiles   ExpertTile [grid y]: up to 32 consecutive entries of `order`, all of one expert
// blocks  MXFP4 codes [experts, rows, cols / 32, 16 bytes]; even rows are gates, odd rows ups
// scales  E8M0 [experts, rows, cols / 32]
// bias    float [experts, rows]
// gated   float [pairs, rows / 2] in the order of `order`, written: gate * sigmoid(1.702 * gate) *
//         (up + 1), with gate at most `limit` and up within ±limit
//
// Grid: x = 64 rows (a multiple of 128 in all), y = tiles; 128 threads. Unused tiles return at
// once. Threadgroup memory: 13824 bytes: half tokens [32, 64 + 8] and weights [64, 64 + 8], or
// float [32, 32 + 4] and [64, 32 + 4] (exact). Accumulates in float. The tile product: tiles.h. A
// lane's two elements of an 8x8 matrix are a gate and its up, so SwiGLU needs no other lane.
#include "metal/swiglu.h"
#include "metal/tiles.h"

template <class T>
GPTOSS_INLINE void gate_up_tile(constant ExpertArgs& args,
                                device const float* normed,
                                device const uint* order,
                                device const ExpertTile& tile,
                                device const uint* blocks,
                                device const uchar* scales,
                                device const float* bias,
                                device float* gated,
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
  const uint x_token = order[first + fetched] / args.top_k;
  const ulong expert_row = ulong(tile.expert) * args.rows + tile_row;
  const Mxfp4Row source =
      mxfp4_row(blocks, scales, expert_row + fetched_row(thread_index), args.cols);
  const uint token = first_token<kTokens>(simd);
  TileSums<kTokens> sums;
  multiply_tile<T, kCols, kTokens>(normed + ulong(x_token) * args.cols, source, args.cols,
                                   token < count, shared, thread_index, simd, sums);
  const uint lane_token = token + matrix_row(lane);
  const uint lane_row = first_row(simd) + matrix_column(lane);
  GPTOSS_UNROLL
  for (uint j = 0; j < kSimdRows / 8; ++j) {
    const uint row = lane_row + 8 * j;
    const float gate_bias = bias[expert_row + row];
    const float up_bias = bias[expert_row + row + 1];
    GPTOSS_UNROLL
    for (uint i = 0; i < kTokens / 16; ++i) {
      const uint t = lane_token + 8 * i;
      const float gate = sums.at[i][j].thread_elements()[0] + gate_bias;
      const float up = sums.at[i][j].thread_elements()[1] + up_bias;
      if (t < count) {
        gated[ulong(first + t) * (args.rows / 2) + (tile_row + row) / 2] =
            swiglu(gate, up, args.limit);
      }
    }
  }
}

kernel void grouped_gate_up(constant ExpertArgs& args [[buffer(0)]],
                            device const float* normed [[buffer(1)]],
                            device const uint* order [[buffer(2)]],
                            device const ExpertTile* tiles [[buffer(3)]],
                            device const uint* blocks [[buffer(4)]],
                            device const uchar* scales [[buffer(5)]],
                            device const float* bias [[buffer(6)]],
                            device float* gated [[buffer(7)]],
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
    gate_up_tile<float>(args, normed, order, tiles[group.y], blocks, scales, bias, gated,
                        (threadgroup float*)shared, row, thread_index, lane, simd);
  } else {
    gate_up_tile<half>(args, normed, order, tiles[group.y], blocks, scales, bias, gated,
                       (threadgroup half*)shared, row, thread_index, lane, simd);
  }
}
