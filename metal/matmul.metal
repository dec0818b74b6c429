// A dense matrix times many tokens, for prefill: the query, key and value projections, and the
// output projection, which adds to the residual stream.
//
// x        float [count, cols]; cols a multiple of 64
// weights  q8: int8 [rows, cols], or bf16 bits [rows, cols]; any number of rows
// scales   q8: half [rows, cols / 32]; bf16: not read
// bias     float [rows], read if has_bias
// y        float [count, rows], written, or added to if accumulate
//
// Grid: x = 64 rows, y = 64 tokens; 128 threads. Threadgroup memory: 10240 bytes: half tokens [64,
// 32 + 8] and weights [64, 32 + 8], or float [64, 16 + 4] of each (exact). Accumulates in float.
// The tile product: tiles.h. Tokens and rows beyond the edge repeat the last one and are not
// written.
#include "metal/tiles.h"

// One element of the result.
GPTOSS_INLINE void store_product(constant MatmulArgs& args,
                                 uint token,
                                 uint row,
                                 float value,
                                 device const float* bias,
                                 device float* y) {
  if (token >= args.count || row >= args.rows) {
    return;
  }
  float sum = value;
  if (args.has_bias != 0) {
    sum += bias[row];
  }
  const ulong index = ulong(token) * args.rows + row;
  y[index] = args.accumulate != 0 ? y[index] + sum : sum;
}

template <class T>
GPTOSS_INLINE void matmul_tile(constant MatmulArgs& args,
                               device const float* x,
                               device const uchar* weights,
                               device const half* scales,
                               device const float* bias,
                               device float* y,
                               threadgroup T* shared,
                               uint2 group,
                               uint thread_index,
                               uint lane,
                               uint simd) {
  constexpr uint kCols = 64 / sizeof(T);
  constexpr uint kTokens = GPTOSS_MATMUL_TOKENS;
  const uint tile_token = group.y * kTokens;
  const uint tile_row = group.x * kTileRows;
  const uint x_token = min(tile_token + fetched_token<T, kCols>(thread_index), args.count - 1);
  const uint w_row = min(tile_row + fetched_row(thread_index), args.rows - 1);
  const DenseRow source = dense_row(weights, scales, w_row, args.cols);
  const uint token = tile_token + first_token<kTokens>(simd);
  const uint row = tile_row + first_row(simd);
  TileSums<kTokens> sums;
  multiply_tile<T, kCols, kTokens>(x + ulong(x_token) * args.cols, source, args.cols,
                                   token < args.count, shared, thread_index, simd, sums);
  GPTOSS_UNROLL
  for (uint i = 0; i < kTokens / 16; ++i) {
    GPTOSS_UNROLL
    for (uint j = 0; j < kSimdRows / 8; ++j) {
      const uint t = token + 8 * i + matrix_row(lane);
      const uint r = row + 8 * j + matrix_column(lane);
      store_product(args, t, r, sums.at[i][j].thread_elements()[0], bias, y);
      store_product(args, t, r + 1, sums.at[i][j].thread_elements()[1], bias, y);
    }
  }
}

kernel void matmul(constant MatmulArgs& args [[buffer(0)]],
                   device const float* x [[buffer(1)]],
                   device const uchar* weights [[buffer(2)]],
                   device const half* scales [[buffer(3)]],
                   device const float* bias [[buffer(4)]],
                   device float* y [[buffer(5)]],
                   threadgroup float4* shared [[threadgroup(0)]],
                   uint2 group [[threadgroup_position_in_grid]],
                   uint thread_index [[thread_index_in_threadgroup]],
                   uint lane [[thread_index_in_simdgroup]],
                   uint simd [[simdgroup_index_in_threadgroup]]) {
  if (kExact) {
    matmul_tile<float>(args, x, weights, scales, bias, y, (threadgroup float*)shared, group,
                       thread_index, lane, simd);
  } else {
    matmul_tile<half>(args, x, weights, scales, bias, y, (threadgroup half*)shared, group,
                      thread_index, lane, simd);
  }
}
