// What every kernel shares: Metal's standard library, the function constants, the conversions
// between number formats, and where a position of the KV cache lies.
//
// The dialect is what Apple's compiler and upstream clang both accept: vectors are built with
// braces, converted by the helpers below, and every pointer names its address space.
#pragma once

#include <metal_stdlib>

#include "metal/args.h"

using namespace metal;

#ifndef GPTOSS_FUNCTION_CONSTANT
#define GPTOSS_FUNCTION_CONSTANT(type, name, index) constant type name [[function_constant(index)]]
#endif

// Unrolls the loop that follows; its bounds must be constants. Every loop over simdgroup matrices
// or an array that belongs in registers needs it: registers have no variable index.
#define GPTOSS_UNROLL _Pragma("clang loop unroll(full)")

// For the same reason no function may be called: all of them become part of their kernel.
#define GPTOSS_INLINE inline __attribute__((always_inline))

// A product and a sum stay two roundings unless the source says fma, on every compiler. (Apple's
// joins them otherwise, in safe math mode, too.)
#pragma clang fp contract(off)

GPTOSS_FUNCTION_CONSTANT(bool, kDenseQ8, GPTOSS_CONSTANT_DENSE_Q8);
GPTOSS_FUNCTION_CONSTANT(bool, kExact, GPTOSS_CONSTANT_EXACT);

constant constexpr uint kLanes = 32;    // threads of a simdgroup
constant constexpr uint kHeadDim = 64;  // values of a head
constant constexpr float kLowest = -3.402823466e+38f;

// --- Number formats --------------------------------------------------------------------------

// bfloat16 bits -> float, exact.
GPTOSS_INLINE float bf16_to_float(ushort bits) { return as_type<float>(uint(bits) << 16); }

// Two bfloat16 of one word, the lower half first.
GPTOSS_INLINE float2 bf16_pair(uint word) {
  return float2{as_type<float>(word << 16), as_type<float>(word & 0xffff0000u)};
}

GPTOSS_INLINE float2 to_float(half2 v) { return float2{float(v.x), float(v.y)}; }
GPTOSS_INLINE float4 to_float(half4 v) {
  return float4{float(v.x), float(v.y), float(v.z), float(v.w)};
}

// Nearest half; beyond the range of half, its largest finite value of the same sign.
GPTOSS_INLINE half saturated_half(float v) { return half(clamp(v, -65504.0f, 65504.0f)); }

// E8M0 byte -> 2^(byte - 127), exact for all bytes: 0 is the subnormal 2^-127, 255 is NaN. Shader
// cores may flush subnormal operands to zero: multiply by 2^(byte - 113) instead, as mxfp4.h does,
// where tiny scales must survive.
GPTOSS_INLINE float e8m0_to_float(uint byte) {
  const uint bits = max(byte << 23, 0x00400000u);
  return as_type<float>(byte == 255 ? 0x7fc00000u : bits);
}

// --- KV cache --------------------------------------------------------------------------------

// A page holds, for each key-value head, first keys and then values of GPTOSS_PAGE_POSITIONS
// positions. The index, in elements, of dimension 0 of the key in `slot` (of the whole cache).
GPTOSS_INLINE uint key_index(uint kv_head, uint slot) {
  return (kv_head * 2 * GPTOSS_PAGE_POSITIONS + slot % GPTOSS_PAGE_POSITIONS) * kHeadDim;
}

// From a key to the value of the same position, in elements.
constant constexpr uint kKeyToValue = GPTOSS_PAGE_POSITIONS * kHeadDim;

// The page that holds `slot`.
GPTOSS_INLINE device void* page_of(device const KvPage* pages, uint slot) {
  return pages[slot / GPTOSS_PAGE_POSITIONS].data;
}

// Four values at `index` (in elements, a multiple of 4) of a page.
GPTOSS_INLINE float4 kv_load(device const void* page, uint index) {
  if (kExact) {
    return ((device const float4*)page)[index / 4];
  }
  return to_float(((device const half4*)page)[index / 4]);
}

// Eight values at `index` (a multiple of 8) of a page, in one load where they are halves.
GPTOSS_INLINE void kv_load8(device const void* page,
                            uint index,
                            thread float4& low,
                            thread float4& high) {
  if (kExact) {
    low = ((device const float4*)page)[index / 4];
    high = ((device const float4*)page)[index / 4 + 1];
  } else {
    const uint4 words = ((device const uint4*)page)[index / 8];
    low = to_float(as_type<half4>(words.xy));
    high = to_float(as_type<half4>(words.zw));
  }
}

// Half saturates: a value beyond its range must not become infinite.
GPTOSS_INLINE void kv_store(device void* page, uint index, float value) {
  if (kExact) {
    ((device float*)page)[index] = value;
  } else {
    ((device half*)page)[index] = saturated_half(value);
  }
}
