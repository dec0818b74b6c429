// Dot products of rows of a dense matrix (q8 or bf16) with float32 activations: a simdgroup
// computes 4 rows at once, or 8 when its two halves take 4 each.
//
// Lanes: a row is cut into chunks of 16 columns, and chunk c belongs to lane c % kWidth of the 32
// (kWidth = 32) or 16 (kWidth = 16) lanes that share the row. So neighbouring lanes load
// neighbouring 16 bytes, and a chunk's 16 activations stay in registers for the lane's 4 rows.
// 2880 columns are 180 chunks: 6 passes, in the last of which 20 of 32 lanes work (94 % of all
// slots are used); 4096 columns are 256 chunks and use every lane.
//
// q8, operations and loads per weight of the inner loop: a word of four int8 becomes four exact
// halves by xor, two ands and a shift (1.0); the FMA, whose half operand needs no conversion
// instruction (1.0); the sum of the chunk's activations, shared by 4 rows (0.25); the scale's FMA
// (0.06); 4 loads of weights, 4 of scales, 4 of activations for 64 weights (0.19); indices and loop
// (0.19): 2.7. A fused norm adds the products with its weights, the sum of squares and 4 loads:
// 3.25. bf16: 1.0 to widen, 1.0 FMA, 0.19 loads, 0.2 indices and loop: 2.4, with a norm 2.9.
#pragma once

#include "metal/common.h"

// The activations of one chunk, and what belongs to it.
struct Chunk {
  float4 x[4];
};

// Sum of the 16 values of a chunk.
GPTOSS_INLINE float sum_of(thread const Chunk& chunk) {
  const float4 sum = (chunk.x[0] + chunk.x[1]) + (chunk.x[2] + chunk.x[3]);
  return (sum.x + sum.y) + (sum.z + sum.w);
}

// int8 weights (16 bytes) times the chunk, times 2^-24. A byte with its sign bit flipped is q + 128
// = 0 … 255; as the bits of a half that is the subnormal (q + 128) * 2^-24, exactly. The caller
// passes the 128 that is too much as `start` = -128 * 2^-24 * sum of the activations.
GPTOSS_INLINE float dot_q8(uint4 words, thread const Chunk& chunk, float start) {
  float sum = start;
  GPTOSS_UNROLL
  for (uint j = 0; j < 4; ++j) {
    const uint biased = words[j] ^ 0x80808080u;
    const half2 even = as_type<half2>(biased & 0x00ff00ffu);
    const half2 odd = as_type<half2>((biased >> 8) & 0x00ff00ffu);
    sum = fma(float(even.x), chunk.x[j].x, sum);
    sum = fma(float(odd.x), chunk.x[j].y, sum);
    sum = fma(float(even.y), chunk.x[j].z, sum);
    sum = fma(float(odd.y), chunk.x[j].w, sum);
  }
  return sum;
}

constant constexpr float kQ8Unit = 16777216.0f;  // 2^24
constant constexpr float kQ8Offset = -128.0f / 16777216.0f;

// bfloat16 weights (two loads of 16 bytes) times the chunk, added to `sum`.
GPTOSS_INLINE float dot_bf16(uint4 first, uint4 second, thread const Chunk& chunk, float sum) {
  GPTOSS_UNROLL
  for (uint j = 0; j < 4; ++j) {
    const float2 a = bf16_pair(j < 2 ? first[2 * j] : second[2 * j - 4]);
    const float2 b = bf16_pair(j < 2 ? first[2 * j + 1] : second[2 * j - 3]);
    sum = fma(a.x, chunk.x[j].x, sum);
    sum = fma(a.y, chunk.x[j].y, sum);
    sum = fma(b.x, chunk.x[j].z, sum);
    sum = fma(b.y, chunk.x[j].w, sum);
  }
  return sum;
}

// Four rows of a dense matrix [*, cols]: the first word of each row, and its first scale.
struct DenseRows {
  device const uint4* weights;  // of the first of the rows
  device const half* scales;    // q8 only: one per 32 columns
  uint cols;
  uint step[4];  // how many rows after the first each one lies
};

GPTOSS_INLINE DenseRows dense_rows(device const uint4* weights,
                                   device const half* scales,
                                   uint cols,
                                   uint row) {
  DenseRows rows;
  rows.weights = weights + ulong(row) * (kDenseQ8 ? cols / 16 : cols / 8);
  rows.scales = scales + ulong(row) * (cols / 32);
  rows.cols = cols;
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    rows.step[r] = r;
  }
  return rows;
}

// Adds chunk number `c` of the four rows to their sums (q8: in units of 2^-24).
GPTOSS_INLINE void add_chunk(thread const DenseRows& rows,
                             uint c,
                             thread const Chunk& chunk,
                             thread float* sums) {
  if (kDenseQ8) {
    const float start = kQ8Offset * sum_of(chunk);
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      const uint4 words = rows.weights[rows.step[r] * (rows.cols / 16) + c];
      const float scale = float(rows.scales[rows.step[r] * (rows.cols / 32) + c / 2]);
      sums[r] = fma(dot_q8(words, chunk, start), scale, sums[r]);
    }
  } else {
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      const uint word = rows.step[r] * (rows.cols / 8) + 2 * c;
      sums[r] = dot_bf16(rows.weights[word], rows.weights[word + 1], chunk, sums[r]);
    }
  }
}

// Adds up what the kWidth lanes that share rows have, for all of them.
template <uint kWidth>
GPTOSS_INLINE float sum_of_lanes(float v) {
  if (kWidth == kLanes) {
    return simd_sum(v);
  }
  GPTOSS_UNROLL
  for (ushort distance = kWidth / 2; distance > 0; distance /= 2) {
    v += simd_shuffle_xor(v, distance);
  }
  return v;
}

GPTOSS_INLINE float dense_unit() { return kDenseQ8 ? kQ8Unit : 1.0f; }

// sums[r] = rows r times x [cols]; every lane of the kWidth gets all four.
template <uint kWidth>
GPTOSS_INLINE void dense_dot(thread const DenseRows& rows,
                             device const float* x,
                             uint lane,
                             thread float* sums) {
  device const float4* x4 = (device const float4*)x;
  for (uint c = lane % kWidth; c < rows.cols / 16; c += kWidth) {
    Chunk chunk;
    GPTOSS_UNROLL
    for (uint j = 0; j < 4; ++j) {
      chunk.x[j] = x4[4 * c + j];
    }
    add_chunk(rows, c, chunk, sums);
  }
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    sums[r] = sum_of_lanes<kWidth>(sums[r]) * dense_unit();
  }
}

// The same with the RMS norm of x in front: sums[r] = rows r times (x * norm / rms(x)). The root
// mean square factors out of the dot product, so it is added up in the same pass over x: no
// barrier and no normalised copy.
template <uint kWidth>
GPTOSS_INLINE void norm_dense_dot(thread const DenseRows& rows,
                                  device const float* x,
                                  device const float* norm,
                                  float eps,
                                  uint lane,
                                  thread float* sums) {
  device const float4* x4 = (device const float4*)x;
  device const float4* norm4 = (device const float4*)norm;
  float4 squares = float4(0.0f);
  for (uint c = lane % kWidth; c < rows.cols / 16; c += kWidth) {
    Chunk chunk;
    GPTOSS_UNROLL
    for (uint j = 0; j < 4; ++j) {
      const float4 v = x4[4 * c + j];
      squares = fma(v, v, squares);
      chunk.x[j] = v * norm4[4 * c + j];
    }
    add_chunk(rows, c, chunk, sums);
  }
  const float square = sum_of_lanes<kWidth>((squares.x + squares.y) + (squares.z + squares.w));
  const float factor = rsqrt(square / float(rows.cols) + eps) * dense_unit();
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    sums[r] = sum_of_lanes<kWidth>(sums[r]) * factor;
  }
}
