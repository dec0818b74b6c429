// Vectors of 4 floats on NEON (AArch64).
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace {

struct Neon {
  using Vec = float32x4_t;
  static constexpr int width = 4;
  static constexpr int tile_tokens = 5;     // 4 x 5 accumulators of 32 registers
  static constexpr int attention_rows = 8;  // rows and vectors of a tile of attention
  static constexpr int attention_vectors = 2;

  static Vec zero() { return vdupq_n_f32(0); }
  static Vec set(float x) { return vdupq_n_f32(x); }
  static Vec load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, Vec x) { vst1q_f32(p, x); }
  static Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
  static Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
  static Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
  static Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
  static Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
  static Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
  static Vec round(Vec a) { return vrndnq_f32(a); }
  // 2^n for whole n in -126 .. 127.
  static Vec pow2(Vec n) {
    const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(biased, 23));
  }
  static float sum(Vec a) { return vaddvq_f32(a); }
  // The sum of each, with its parts added in the order of sum().
  static void sums(Vec a, Vec b, Vec c, Vec d, float* out) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
  }
  static float largest(Vec a) { return vmaxvq_f32(a); }
  static Vec load_f16(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  static void store_f16(uint16_t* p, Vec x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
  static float half(uint16_t bits) {
    __fp16 value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  static Vec load_bf16(const uint16_t* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
  }
  static Vec load_i8(const int8_t* p) {
    int32_t word;
    std::memcpy(&word, p, sizeof word);
    const int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(word));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
  }
};

}  // namespace
