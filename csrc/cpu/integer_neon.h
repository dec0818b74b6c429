// Integer products on AArch64, one group at a time: with the matrix (smmla) or the dot product
// instructions (sdot), where an activation is two signed bytes, a = 256 * high + low, or without,
// widened to int16.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "cpu/e2m1.h"
#include "cpu/kernels.h"
#include "cpu/simd_neon.h"

namespace {

// What all have in common.
struct NeonGroups : gptoss::cpu::WholeWeights {
  using Lanes = Neon::Vec;
  // q8: the first and the last 16 values; MXFP4: the even and the odd ones.
  struct Weights {
    int8x16_t first;
    int8x16_t second;
  };
  static constexpr int kGroups = 1;
  template <int tokens>
  static constexpr int kRows = 4;
  static constexpr int kTokens = 4;
  static constexpr int kOperandBytes = 64;

  static Lanes zero() { return Neon::zero(); }
  static void sum(Lanes a, float* out) { *out = Neon::sum(a); }
  static void sums(Lanes a, Lanes b, Lanes c, Lanes d, float* out) { Neon::sums(a, b, c, d, out); }

  template <gptoss::cpu::Storage storage, int>
  static Weights weights(const uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      return {vreinterpretq_s8_u8(bytes), vreinterpretq_s8_u8(vld1q_u8(p + 16))};
    } else {
      const int8x16_t table = vld1q_s8(gptoss::cpu::kTwiceE2M1);
      return {vqtbl1q_s8(table, vandq_u8(bytes, vdupq_n_u8(15))),
              vqtbl1q_s8(table, vshrq_n_u8(bytes, 4))};
    }
  }

  template <gptoss::cpu::Storage storage, int>
  static Lanes scales(const uint8_t* p) {
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      const uint16x4_t half = vld1_dup_u16(reinterpret_cast<const uint16_t*>(p));
      return vcvt_f32_f16(vreinterpret_f16_u16(half));
    } else {
      return vdupq_n_f32(2 * gptoss::cpu::kHalfE8M0.value[*p]);
    }
  }

  // A group in the order of Weights.
  template <gptoss::cpu::Storage storage>
  static int16x8x4_t ordered(const int16_t* a) {
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      return {{vld1q_s16(a), vld1q_s16(a + 8), vld1q_s16(a + 16), vld1q_s16(a + 24)}};
    } else {
      const int16x8x2_t low = vld2q_s16(a), high = vld2q_s16(a + 16);
      return {{low.val[0], high.val[0], low.val[1], high.val[1]}};
    }
  }

  // a = 256 * high + low, both signed: high is rounded, so that the rest fits.
  static void split(int16x8_t a, int8_t* high, int8_t* low) {
    const int8x8_t rounded = vrshrn_n_s16(a, 8);
    vst1_s8(high, rounded);
    vst1_s8(low, vmovn_s16(vsubq_s16(a, vshlq_n_s16(vmovl_s8(rounded), 8))));
  }
};

struct NeonWords : NeonGroups {
  struct Values {
    int16x8x4_t words;
    explicit Values(const uint8_t* x) : words(vld1q_s16_x4(reinterpret_cast<const int16_t*>(x))) {}
  };

  static Lanes dot(const Weights& w, const Values& x) {
    int32x4_t total = vdupq_n_s32(0);
    total = widened(total, vmovl_s8(vget_low_s8(w.first)), x.words.val[0]);
    total = widened(total, vmovl_s8(vget_high_s8(w.first)), x.words.val[1]);
    total = widened(total, vmovl_s8(vget_low_s8(w.second)), x.words.val[2]);
    total = widened(total, vmovl_s8(vget_high_s8(w.second)), x.words.val[3]);
    return vcvtq_f32_s32(total);
  }

  template <gptoss::cpu::Storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    return Neon::fma(dot(w, x), scale, total);
  }

  template <gptoss::cpu::Storage storage>
  static void pack(const int16_t* a, uint8_t* out) {
    vst1q_s16_x4(reinterpret_cast<int16_t*>(out), ordered<storage>(a));
  }

 private:
  static int32x4_t widened(int32x4_t total, int16x8_t w, int16x8_t x) {
    total = vmlal_s16(total, vget_low_s16(w), vget_low_s16(x));
    return vmlal_high_s16(total, w, x);
  }
};

#if defined(__ARM_FEATURE_DOTPROD)
// Operand: the high bytes that meet Weights::first and ::second, then the low bytes.
struct NeonDots : NeonGroups {
  struct Values {
    int8x16x4_t bytes;
    explicit Values(const uint8_t* x) : bytes(vld1q_s8_x4(reinterpret_cast<const int8_t*>(x))) {}
  };

  static Lanes dot(const Weights& w, const Values& x) {
    int32x4_t high = vdotq_s32(vdupq_n_s32(0), w.first, x.bytes.val[0]);
    int32x4_t low = vdotq_s32(vdupq_n_s32(0), w.first, x.bytes.val[2]);
    high = vdotq_s32(high, w.second, x.bytes.val[1]);
    low = vdotq_s32(low, w.second, x.bytes.val[3]);
    return vcvtq_f32_s32(vaddq_s32(vshlq_n_s32(high, 8), low));
  }

  template <gptoss::cpu::Storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    return Neon::fma(dot(w, x), scale, total);
  }

  template <gptoss::cpu::Storage storage>
  static void pack(const int16_t* a, uint8_t* out) {
    const int16x8x4_t words = ordered<storage>(a);
    int8_t* bytes = reinterpret_cast<int8_t*>(out);
    for (int i = 0; i < 4; ++i) split(words.val[i], bytes + 8 * i, bytes + 32 + 8 * i);
  }
};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
// Two rows at a time: the weights of both, 8 each, meet the high and the low bytes of 8
// activations. Lanes: sums of the first row with high and low bytes, then those of the second row.
// They count in units of 256, so that only the scales of low bytes leave their usual range,
// downwards.
struct NeonMatrices : NeonGroups {
  static constexpr int kJointRows = 2;
  template <gptoss::cpu::Storage storage>
  static constexpr float kUnit = 256 * NeonGroups::kUnit<storage>;
  template <int tokens>
  static constexpr int kRows = tokens > 2 ? 2 : 4;  // pairs of rows
  static constexpr int kTokens = 8;

  struct Weights {
    int8x16_t parts[4];
  };
  // Operand: for each part, 8 high bytes and 8 low ones.
  struct Values {
    const int8_t* x;
    explicit Values(const uint8_t* x) : x(reinterpret_cast<const int8_t*>(x)) {}
    int8x16_t part(int i) const { return vld1q_s8(x + 16 * i); }
  };

  static void sum(Lanes a, float* out) {
    vst1_f32(out, vpadd_f32(vget_low_f32(a), vget_high_f32(a)));
  }
  static void sums(Lanes a, Lanes b, Lanes c, Lanes d, float* out) {
    vst1q_f32(out, vpaddq_f32(a, b));
    vst1q_f32(out + 4, vpaddq_f32(c, d));
  }

  template <gptoss::cpu::Storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    int32x4_t sum = vdupq_n_s32(0);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum = vmmlaq_s32(sum, w.parts[i], x.part(i));
    return Neon::fma(vcvtq_f32_s32(sum), scale, total);
  }

  template <gptoss::cpu::Storage storage, int G>
  static Weights weights(const uint8_t* p, const uint8_t* other) {
    const auto a = NeonGroups::weights<storage, G>(p), b = NeonGroups::weights<storage, G>(other);
    return {{low(a.first, b.first), high(a.first, b.first), low(a.second, b.second),
             high(a.second, b.second)}};
  }

  template <gptoss::cpu::Storage storage, int G>
  static Lanes scales(const uint8_t* p, const uint8_t* other) {
    const float32x4_t units = {1, 0x1p-8f, 1, 0x1p-8f};
    const float32x2_t first = vget_low_f32(NeonGroups::scales<storage, G>(p));
    const float32x2_t second = vget_low_f32(NeonGroups::scales<storage, G>(other));
    return vmulq_f32(vcombine_f32(first, second), units);
  }

  template <gptoss::cpu::Storage storage>
  static void pack(const int16_t* a, uint8_t* out) {
    const int16x8x4_t words = ordered<storage>(a);
    int8_t* bytes = reinterpret_cast<int8_t*>(out);
    for (int i = 0; i < 4; ++i) split(words.val[i], bytes + 16 * i, bytes + 16 * i + 8);
  }

 private:
  static int8x16_t low(int8x16_t a, int8x16_t b) {
    return vcombine_s8(vget_low_s8(a), vget_low_s8(b));
  }
  static int8x16_t high(int8x16_t a, int8x16_t b) {
    return vcombine_s8(vget_high_s8(a), vget_high_s8(b));
  }
};
#endif

}  // namespace
