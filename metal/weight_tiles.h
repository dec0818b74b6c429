// Weights on their way into threadgroup memory: a thread fetches a part of one row in its stored
// form (q8, bf16 or MXFP4) and places it as T: half, or float in exact mode.
//
// Each part has one scale. A weight is multiplied by its scale in float and rounded once, to T: so
// half tiles hold each weight to 2^-11 of its size, or to 2^-25 if it is smaller than 2^-14. MXFP4
// scales beyond 2^13 count as 2^13; other weights beyond ±65504 become infinite.
//
// Operations per weight: 1.0 (q8) or 1.5 (MXFP4) to make exact halves of the bits, 1.0 for the FMA
// or product with the scale, whose conversions are free, and a quarter of a store; bf16: 1.0 to
// widen. A decoded weight serves all tokens of the tile (32 or 64).
#pragma once

#include "metal/dense.h"
#include "metal/mxfp4.h"

// What a thread fetched, before it is decoded.
struct WeightPart {
  uint words[8];
  float scale;
  float rest;  // exact MXFP4: a second factor, other than 1 for scales beyond 2^113
};

GPTOSS_INLINE void place4(threadgroup half* target, float4 v) {
  *(threadgroup half4*)target = half4{half(v.x), half(v.y), half(v.z), half(v.w)};
}
GPTOSS_INLINE void place4(threadgroup float* target, float4 v) { *(threadgroup float4*)target = v; }

// 2, 4 or 8 consecutive words; `source` is a multiple of 16 bytes (of 8 for two words).
template <uint kWords>
GPTOSS_INLINE void fetch_words(device const uint* source, thread uint* words) {
  if (kWords == 2) {
    const uint2 v = *(device const uint2*)source;
    words[0] = v.x;
    words[1] = v.y;
    return;
  }
  GPTOSS_UNROLL
  for (uint i = 0; i < kWords / 4; ++i) {
    const uint4 v = ((device const uint4*)source)[i];
    words[4 * i] = v.x;
    words[4 * i + 1] = v.y;
    words[4 * i + 2] = v.z;
    words[4 * i + 3] = v.w;
  }
}

// One row of a dense matrix.
struct DenseRow {
  device const uchar* weights;  // int8 or bf16 bits
  device const half* scales;    // q8 only: one per 32 columns
};

// `weights` are bytes because int8 and bf16 share the argument.
GPTOSS_INLINE DenseRow dense_row(device const uchar* weights,
                                 device const half* scales,
                                 ulong row,
                                 uint cols) {
  DenseRow result;
  result.weights = weights + row * (kDenseQ8 ? cols : 2 * cols);
  result.scales = scales + row * (cols / 32);
  return result;
}

// Columns col … col + kPart - 1, kPart = 8 or 16, which share a scale.
template <uint kPart>
GPTOSS_INLINE void fetch_part(thread const DenseRow& row, uint col, thread WeightPart& part) {
  if (kDenseQ8) {
    fetch_words<kPart / 4>((device const uint*)(row.weights + col), part.words);
    part.scale = float(row.scales[col / 32]);
  } else {
    fetch_words<kPart / 2>((device const uint*)(row.weights + 2 * col), part.words);
  }
}

// As in dense.h, a byte becomes a subnormal half, (q + 128) * 2^-24; the FMA takes the 128 away
// again and is exact.
template <uint kPart, class T>
GPTOSS_INLINE void place_part(thread const DenseRow&,
                              thread const WeightPart& part,
                              threadgroup T* target) {
  if (kDenseQ8) {
    const float scale = part.scale * kQ8Unit;
    const float4 offset = float4(-128.0f * part.scale);
    GPTOSS_UNROLL
    for (uint j = 0; j < kPart / 4; ++j) {
      const uint biased = part.words[j] ^ 0x80808080u;
      const half2 even = as_type<half2>(biased & 0x00ff00ffu);
      const half2 odd = as_type<half2>((biased >> 8) & 0x00ff00ffu);
      const float4 v = float4{float(even.x), float(odd.x), float(even.y), float(odd.y)};
      place4(target + 4 * j, fma(v, float4(scale), offset));
    }
  } else {
    GPTOSS_UNROLL
    for (uint j = 0; j < kPart / 4; ++j) {
      const float2 a = bf16_pair(part.words[2 * j]);
      const float2 b = bf16_pair(part.words[2 * j + 1]);
      place4(target + 4 * j, float4{a.x, a.y, b.x, b.y});
    }
  }
}

// One row of an MXFP4 matrix.
struct Mxfp4Row {
  device const uint* blocks;  // 4 words per 32 columns
  device const uchar* scales;
};

GPTOSS_INLINE Mxfp4Row mxfp4_row(device const uint* blocks,
                                 device const uchar* scales,
                                 ulong row,
                                 uint cols) {
  Mxfp4Row result;
  result.blocks = blocks + row * (cols / 8);
  result.scales = scales + row * (cols / 32);
  return result;
}

// 6 * 2^13 is the largest weight of a half tile whose scale is a power of 2.
constant constexpr uint kLargestHalfScale = 127 + 13;

// Columns col … col + kPart - 1, kPart = 16 or 32, of one block.
template <uint kPart>
GPTOSS_INLINE void fetch_part(thread const Mxfp4Row& row, uint col, thread WeightPart& part) {
  fetch_words<kPart / 8>(row.blocks + col / 8, part.words);
  const uint byte = row.scales[col / 32];
  const uint plain = min(byte, kExact ? kLargestPlainScale : kLargestHalfScale);
  part.scale = byte == 255 ? e8m0_to_float(255) : scale_of(plain);
  part.rest = kExact && byte > plain ? e8m0_to_float(byte - plain + 127) : 1.0f;
}

// The codes become halves times 2^-14 as in mxfp4.h.
template <uint kPart, class T>
GPTOSS_INLINE void place_part(thread const Mxfp4Row&,
                              thread const WeightPart& part,
                              threadgroup T* target) {
  GPTOSS_UNROLL
  for (uint j = 0; j < kPart / 8; ++j) {
    const E2m1Word w = e2m1_word(part.words[j]);
    const float4 low = float4{float(w.w04.x), float(w.w15.x), float(w.w26.x), float(w.w37.x)};
    const float4 high = float4{float(w.w04.y), float(w.w15.y), float(w.w26.y), float(w.w37.y)};
    if (kExact) {
      place4(target + 8 * j, low * part.rest * part.scale);
      place4(target + 8 * j + 4, high * part.rest * part.scale);
    } else {
      place4(target + 8 * j, low * part.scale);
      place4(target + 8 * j + 4, high * part.scale);
    }
  }
}
