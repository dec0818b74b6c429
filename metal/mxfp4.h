// Dot products of rows of an MXFP4 matrix with float32 activations: a simdgroup computes 8 rows,
// each of its halves (16 lanes) four of them.
//
// Lanes: block b (32 columns: 16 bytes and a scale) of a row belongs to lane b % 16 of its half. A
// lane loads a block's 32 activations once and keeps them in registers for its 4 rows; the same
// loads of the other half hit the same addresses. Neighbouring lanes load neighbouring 16 bytes.
// 2880 columns are 90 blocks: 6 passes, in the last of which 10 of 16 lanes work (94 % of all
// slots are used).
//
// Operations and loads per weight of the inner loop: decoding 12 per word of 8 weights (1.5;
// below); the FMA, whose half operand needs no conversion instruction (1.0); 4 loads of blocks, 4
// of scales and 8 of activations for 128 weights (0.13); scales, an add, shift and FMA per block
// (0.09); indices, the test for huge scales and the loop (0.1): 2.8.
#pragma once

#include "metal/common.h"
#include "metal/e2m1.h"

// The activations of one block of 32 columns.
struct Block {
  float4 x[8];
};

// Eight E2M1 codes of a word times columns `x` (0 … 3) and `y` (4 … 7), times 2^-14, added to
// `sum`.
GPTOSS_INLINE float dot_word(uint word, float4 x, float4 y, float sum) {
  const E2m1Word w = e2m1_word(word);
  sum = fma(float(w.w04.x), x.x, sum);
  sum = fma(float(w.w15.x), x.y, sum);
  sum = fma(float(w.w26.x), x.z, sum);
  sum = fma(float(w.w37.x), x.w, sum);
  sum = fma(float(w.w04.y), y.x, sum);
  sum = fma(float(w.w15.y), y.y, sum);
  sum = fma(float(w.w26.y), y.z, sum);
  sum = fma(float(w.w37.y), y.w, sum);
  return sum;
}

// A block without its scale, times 2^-14.
GPTOSS_INLINE float dot_block(uint4 words, thread const Block& block) {
  float sum = 0.0f;
  GPTOSS_UNROLL
  for (uint j = 0; j < 4; ++j) {
    sum = dot_word(words[j], block.x[2 * j], block.x[2 * j + 1], sum);
  }
  return sum;
}

// With the factor 2^14 of the codes a scale is 2^(byte - 113): a normal float up to byte 240.
constant constexpr uint kLargestPlainScale = 240;

GPTOSS_INLINE float scale_of(uint byte) { return as_type<float>((byte + 14) << 23); }

// A block's sum times its scale, for any byte; only models that hold values beyond 2^113 get here.
GPTOSS_INLINE float scaled_slowly(float sum, uint byte) {
  const uint plain = min(byte, kLargestPlainScale);
  const float rest = byte == 255 ? e8m0_to_float(255) : e8m0_to_float(byte - plain + 127);
  return sum * rest * scale_of(plain);
}

// sums[r] = row r (of 4 consecutive ones) times x [cols]; the 16 lanes of each half of the
// simdgroup have their own rows and get all four sums.
GPTOSS_INLINE void mxfp4_dot(device const uint4* blocks,  // [4, cols / 32]
                             device const uchar* scales,  // [4, cols / 32]
                             device const float* x,
                             uint cols,
                             uint lane,
                             thread float* sums) {
  device const float4* x4 = (device const float4*)x;
  const uint count = cols / 32;
  for (uint b = lane % 16; b < count; b += 16) {
    Block block;
    GPTOSS_UNROLL
    for (uint j = 0; j < 8; ++j) {
      block.x[j] = x4[8 * b + j];
    }
    uint bytes[4];
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      bytes[r] = scales[r * count + b];
    }
    float parts[4];
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      parts[r] = dot_block(blocks[r * count + b], block);
    }
    if (max(max(bytes[0], bytes[1]), max(bytes[2], bytes[3])) <= kLargestPlainScale) {
      GPTOSS_UNROLL
      for (uint r = 0; r < 4; ++r) {
        sums[r] = fma(parts[r], scale_of(bytes[r]), sums[r]);
      }
    } else {
      GPTOSS_UNROLL
      for (uint r = 0; r < 4; ++r) {
        sums[r] += scaled_slowly(parts[r], bytes[r]);
      }
    }
  }
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    GPTOSS_UNROLL
    for (ushort distance = 8; distance > 0; distance /= 2) {
      sums[r] += simd_shuffle_xor(sums[r], distance);
    }
  }
}
