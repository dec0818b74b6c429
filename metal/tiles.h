// The tile product of the prefill matmuls: 64 rows of weights times kTokens tokens, by 128 threads
// with simdgroup matrices.
//
// Columns are taken kCols at a time. All threads bring the tokens' activations and the rows'
// weights into threadgroup memory as T, half or (exact) float; then simdgroup s multiplies tokens
// s / 2 * kTokens / 2 … by rows s % 2 * 32 …, 8x8 by 8x8, into float accumulators that stay in
// registers: (kTokens / 16) x 4 of them, so a loaded 8x8 matrix is used 4 times (weights: kTokens /
// 16 times).
//
// Threadgroup memory: T tokens [kTokens, kPitch], then T weights [64, kPitch]; kPitch = kCols and
// 16 bytes more, so that the 8 rows of a matrix lie in different banks (kCols is 64 or 128 bytes).
#pragma once

#include "metal/weight_tiles.h"

constant constexpr uint kTileRows = GPTOSS_MATMUL_ROWS;
constant constexpr uint kTileThreads = GPTOSS_MATMUL_THREADS;
constant constexpr uint kSimdRows = 32;  // rows of weights of one simdgroup

// The sums of one simdgroup: matrix [i][j] has tokens 8 * i … as rows and weight rows 8 * j … as
// columns.
template <uint kTokens>
struct TileSums {
  simdgroup_float8x8 at[kTokens / 16][kSimdRows / 8];
};

// Where a lane's two elements lie in an 8x8 matrix: this row, and columns matrix_column and the
// next one. Metal does not document it; MLX relies on it too, and test_prefill_matmul.py checks it.
GPTOSS_INLINE uint matrix_row(uint lane) { return (lane >> 4 & 1) * 4 + (lane >> 1 & 3); }
GPTOSS_INLINE uint matrix_column(uint lane) { return (lane >> 3 & 1) * 4 + (lane & 1) * 2; }

// First token and first weight row of a simdgroup in the tile.
template <uint kTokens>
GPTOSS_INLINE uint first_token(uint simd) {
  return simd / 2 * (kTokens / 2);
}
GPTOSS_INLINE uint first_row(uint simd) { return simd % 2 * kSimdRows; }

// The token whose activations a thread fetches, and the weight row.
template <class T, uint kCols>
GPTOSS_INLINE uint fetched_token(uint thread_index) {
  return thread_index / uint(kCols * sizeof(T) / 32);
}
GPTOSS_INLINE uint fetched_row(uint thread_index) { return thread_index / 2; }

// Half saturates: an activation beyond its range must not become infinite.
GPTOSS_INLINE void place_saturated(threadgroup half* target, float4 v) {
  place4(target, clamp(v, float4(-65504.0f), float4(65504.0f)));
}
GPTOSS_INLINE void place_saturated(threadgroup float* target, float4 v) { place4(target, v); }

// Adds the products of kCols columns in threadgroup memory. `tokens` and `weights` start at the
// simdgroup's own.
template <class T, uint kCols, uint kTokens>
GPTOSS_INLINE void add_products(threadgroup const T* tokens,
                                threadgroup const T* weights,
                                thread TileSums<kTokens>& sums) {
  constexpr uint kPitch = kCols + uint(16 / sizeof(T));
  GPTOSS_UNROLL
  for (uint k = 0; k < kCols; k += 8) {
    simdgroup_matrix<T, 8, 8> a[kTokens / 16];
    simdgroup_matrix<T, 8, 8> b[kSimdRows / 8];
    GPTOSS_UNROLL
    for (uint i = 0; i < kTokens / 16; ++i) {
      simdgroup_load(a[i], tokens + 8 * i * kPitch + k, kPitch);
    }
    GPTOSS_UNROLL
    for (uint j = 0; j < kSimdRows / 8; ++j) {
      simdgroup_load(b[j], weights + 8 * j * kPitch + k, kPitch, ulong2{0, 0}, true);
    }
    GPTOSS_UNROLL
    for (uint i = 0; i < kTokens / 16; ++i) {
      GPTOSS_UNROLL
      for (uint j = 0; j < kSimdRows / 8; ++j) {
        simdgroup_multiply_accumulate(sums.at[i][j], a[i], b[j], sums.at[i][j]);
      }
    }
  }
}

// sums = tokens times rows over all `cols`. `x` is the row of activations that this thread fetches
// (fetched_token), `row` its row of weights (fetched_row); both must exist, so callers clamp them
// at the edges. A simdgroup whose tokens are all beyond the edge is not `busy`: it only fetches.
template <class T, uint kCols, uint kTokens, class Row>
GPTOSS_INLINE void multiply_tile(device const float* x,
                                 thread const Row& row,
                                 uint cols,
                                 bool busy,
                                 threadgroup T* shared,
                                 uint thread_index,
                                 uint simd,
                                 thread TileSums<kTokens>& sums) {
  constexpr uint kPitch = kCols + uint(16 / sizeof(T));
  constexpr uint kXPart = kTokens * kCols / kTileThreads;
  const uint x_col = thread_index % (kCols / kXPart) * kXPart;
  constexpr uint kWPart = kCols / 2;
  const uint w_col = thread_index % 2 * kWPart;
  threadgroup T* tokens = shared;
  threadgroup T* weights = shared + kTokens * kPitch;
  threadgroup T* x_target = tokens + fetched_token<T, kCols>(thread_index) * kPitch + x_col;
  threadgroup T* w_target = weights + fetched_row(thread_index) * kPitch + w_col;

  GPTOSS_UNROLL
  for (uint i = 0; i < kTokens / 16; ++i) {
    GPTOSS_UNROLL
    for (uint j = 0; j < kSimdRows / 8; ++j) {
      sums.at[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    }
  }
  for (uint col = 0; col < cols; col += kCols) {
    float4 fetched[kXPart / 4];
    GPTOSS_UNROLL
    for (uint i = 0; i < kXPart / 4; ++i) {
      fetched[i] = *(device const float4*)(x + col + x_col + 4 * i);
    }
    WeightPart part;
    fetch_part<kCols / 2>(row, col + w_col, part);
    threadgroup_barrier(mem_flags::mem_threadgroup);  // the last step's tiles have been used
    GPTOSS_UNROLL
    for (uint i = 0; i < kXPart / 4; ++i) {
      place_saturated(x_target + 4 * i, fetched[i]);
    }
    place_part<kCols / 2>(row, part, w_target);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (busy) {
      add_products<T, kCols, kTokens>(tokens + first_token<kTokens>(simd) * kPitch,
                                      weights + first_row(simd) * kPitch, sums);
    }
  }
}
