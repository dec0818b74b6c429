// The bodies of Kernels over a vector type V (simd_*.h). Included once per instruction set, inside
// files compiled for it: everything here has internal linkage, and no library template is used, so
// that no code for a newer processor can be linked into the portable path.
#pragma once

#include <cstdint>

#include "cpu/attention_impl.h"
#include "cpu/e2m1.h"
#include "cpu/kernels.h"
#include "cpu/simd_exp.h"

namespace {

using gptoss::kGroup;
using gptoss::cpu::Kernels;
using gptoss::cpu::kHalfE8M0;
using gptoss::cpu::kTwiceE2M1;
using gptoss::cpu::MatrixRows;
using gptoss::cpu::Operand;

constexpr int kRows = 4;  // of a tile
// Up to this many tokens, rows of bf16 are multiplied as they are stored; from there on, unpacking
// them once is cheaper. Results are the same bits.
constexpr int kDirectTokens = 8;
constexpr float kSwigluAlpha = 1.702f;

template <class V>
struct Body {
  using Vec = typename V::Vec;
  static constexpr int W = V::width;

  // ---- float32 products: R rows against T tokens -----------------------------------------------
  // One accumulator per pair, over k in steps of W, whatever R, T and the stored form are: each sum
  // has one order. Products of a weight and its scale are exact.

  template <int R, int T>
  struct Sums {
    Vec total[R][T];

    Sums() {
      for (int r = 0; r < R; ++r) {
        for (int t = 0; t < T; ++t) total[r][t] = V::zero();
      }
    }
    // Adds W weights of each row times x[t] from k on.
    void add(const Vec (&w)[R], const Operand* x, int64_t k) {
      for (int t = 0; t < T; ++t) {
        const Vec value = V::load(static_cast<const float*>(x[t].values) + k);
        for (int r = 0; r < R; ++r) total[r][t] = V::fma(w[r], value, total[r][t]);
      }
    }
    void store(float* y, int64_t ldy) const {
      for (int t = 0; t < T; ++t) {
        if constexpr (R == 4) {
          V::sums(total[0][t], total[1][t], total[2][t], total[3][t], y + t * ldy);
        } else {
          for (int r = 0; r < R; ++r) y[t * ldy + r] = V::sum(total[r][t]);
        }
      }
    }
  };

  // Rows as float32, for many tokens.
  struct Unpacked {
    using Weight = float;
    static Vec load(const float* p) { return V::load(p); }
    static constexpr bool prefetched = false;
  };
  // Rows as they are stored, for few.
  struct Bf16 {
    using Weight = uint16_t;
    static Vec load(const uint16_t* p) { return V::load_bf16(p); }
    static constexpr bool prefetched = true;
  };

  template <class Stored, int R, int T>
  static void tile(const typename Stored::Weight* w, const Operand* x, int64_t cols, float* y,
                   int64_t ldy) {
    Sums<R, T> sums;
    for (int64_t k = 0; k < cols; k += W) {
      Vec weights[R];
      for (int r = 0; r < R; ++r) {
        // A tile ahead: its rows are too short for the processor to see streams in them. Reaching
        // behind the matrix does no harm.
        if (Stored::prefetched) __builtin_prefetch(w + (r + R) * cols + k, 0, 2);
        weights[r] = Stored::load(w + r * cols + k);
      }
      sums.add(weights, x, k);
    }
    sums.store(y, ldy);
  }

  template <class Stored, int T>
  static void tile_rows(const typename Stored::Weight* w, int rows, const Operand* x, int64_t cols,
                        float* y, int64_t ldy) {
    int64_t r = 0;
    for (; r + kRows <= rows; r += kRows) {
      tile<Stored, kRows, T>(w + r * cols, x, cols, y + r, ldy);
    }
    for (; r < rows; ++r) tile<Stored, 1, T>(w + r * cols, x, cols, y + r, ldy);
  }

  template <class Stored>
  static void multiply_rows(const typename Stored::Weight* w, int rows, const Operand* x,
                            int tokens, int64_t cols, float* y, int64_t ldy) {
    int64_t t = 0;
    for (; t + V::tile_tokens <= tokens; t += V::tile_tokens) {
      tile_rows<Stored, V::tile_tokens>(w, rows, x + t, cols, y + t * ldy, ldy);
    }
    for (; t < tokens; ++t) tile_rows<Stored, 1>(w, rows, x + t, cols, y + t * ldy, ldy);
  }

  static void multiply_bf16(const MatrixRows& w, const Operand* x, int tokens, float* panel,
                            float* y, int64_t ldy) {
    const uint16_t* weights = static_cast<const uint16_t*>(w.values);
    if (tokens <= kDirectTokens) {
      multiply_rows<Bf16>(weights, w.rows, x, tokens, w.cols, y, ldy);
      return;
    }
    multiply_unpacked(w, x, tokens, panel, y, ldy,
                      [=](int64_t first, int64_t n) { unpack_bf16(weights + first, panel, n); });
  }

  static void multiply_q8(const MatrixRows& w, const Operand* x, int tokens, float* panel, float* y,
                          int64_t ldy) {
    const int8_t* q8 = static_cast<const int8_t*>(w.values);
    const uint16_t* scales = static_cast<const uint16_t*>(w.scales);
    multiply_unpacked(w, x, tokens, panel, y, ldy, [=](int64_t first, int64_t n) {
      unpack_q8(q8 + first, scales + first / kGroup, panel, n);
    });
  }

  static void multiply_mxfp4(const MatrixRows& w, const Operand* x, int tokens, float* panel,
                             float* y, int64_t ldy) {
    const uint8_t* blocks = static_cast<const uint8_t*>(w.values);
    const uint8_t* scales = static_cast<const uint8_t*>(w.scales);
    multiply_unpacked(w, x, tokens, panel, y, ldy, [=](int64_t first, int64_t n) {
      unpack_mxfp4(blocks + first / 2, scales + first / kGroup, panel, n);
    });
  }

  // `unpack` leaves n weights, from the first-th of the rows on, in the panel.
  template <class Unpack>
  static void multiply_unpacked(const MatrixRows& w, const Operand* x, int tokens,
                                const float* panel, float* y, int64_t ldy, const Unpack& unpack) {
    using gptoss::cpu::kPanelRows;
    for (int r = 0; r < w.rows; r += kPanelRows) {
      const int rows = w.rows - r < kPanelRows ? w.rows - r : kPanelRows;
      unpack(int64_t{r} * w.cols, int64_t{rows} * w.cols);
      multiply_rows<Unpacked>(panel, rows, x, tokens, w.cols, y + r, ldy);
    }
  }

  static void unpack_q8(const int8_t* q8, const uint16_t* scale, float* out, int64_t n) {
    for (int64_t g = 0; g < n / kGroup; ++g) {
      const Vec s = V::set(V::half(scale[g]));
      for (int64_t k = g * kGroup; k < (g + 1) * kGroup; k += W) {
        V::store(out + k, V::mul(V::load_i8(q8 + k), s));
      }
    }
  }

  static void unpack_bf16(const uint16_t* w, float* out, int64_t n) {
    for (int64_t k = 0; k < n; k += W) V::store(out + k, V::load_bf16(w + k));
  }

  static void unpack_mxfp4(const uint8_t* blocks, const uint8_t* scales, float* out, int64_t n) {
    for (int64_t g = 0; g < n / kGroup; ++g) {
      const float half = kHalfE8M0.value[scales[g]];
      for (int i = 0; i < kGroup / 2; ++i) {
        const uint8_t codes = blocks[g * (kGroup / 2) + i];
        out[g * kGroup + 2 * i] = half * kTwiceE2M1[codes & 15];
        out[g * kGroup + 2 * i + 1] = half * kTwiceE2M1[codes >> 4];
      }
    }
  }

  // ---- the rest -------------------------------------------------------------------------------

  static void rms_norm(const float* x, const float* weight, float* y, int n, float eps) {
    Vec squares = V::zero();
    for (int i = 0; i < n; i += W) squares = V::fma(V::load(x + i), V::load(x + i), squares);
    const float mean = V::sum(squares) / static_cast<float>(n);
    const Vec factor = V::set(1.0f / __builtin_sqrtf(mean + eps));
    for (int i = 0; i < n; i += W) {
      V::store(y + i, V::mul(V::mul(V::load(x + i), factor), V::load(weight + i)));
    }
  }

  static void swiglu(const float* x, const float* bias, float* y, int n, float limit) {
    const Vec high = V::set(limit), low = V::set(-limit), one = V::set(1.0f);
    for (int i = 0; i < n; i += W) {
      float gates[W], ups[W];
      for (int j = 0; j < W; ++j) {
        gates[j] = x[2 * (i + j)] + bias[2 * (i + j)];
        ups[j] = x[2 * (i + j) + 1] + bias[2 * (i + j) + 1];
      }
      const Vec gate = V::min(V::load(gates), high);
      const Vec up = V::max(V::min(V::load(ups), high), low);
      const Vec decay = exp<V>(V::mul(gate, V::set(-kSwigluAlpha)));
      const Vec gated = V::div(gate, V::add(one, decay));
      V::store(y + i, V::mul(gated, V::add(up, one)));
    }
  }

  static void add_scaled(const float* x, const float* bias, float scale, float* y, int n) {
    const Vec s = V::set(scale);
    for (int i = 0; i < n; i += W) {
      V::store(y + i, V::fma(V::add(V::load(x + i), V::load(bias + i)), s, V::load(y + i)));
    }
  }

  static void store_f16(const float* x, uint16_t* y, int n) {
    const Vec high = V::set(65504.0f), low = V::set(-65504.0f);
    for (int i = 0; i < n; i += W) V::store_f16(y + i, V::max(V::min(V::load(x + i), high), low));
  }

  // The set's kernels, with the integer products of `Integer` (IntegerBody).
  template <class Integer>
  static constexpr Kernels kernels(const char* name) {
    constexpr gptoss::cpu::Product bf16 = {nullptr, nullptr, multiply_bf16};
    return {name,
            {bf16, {nullptr, nullptr, multiply_q8}, {nullptr, nullptr, multiply_mxfp4}},
            {bf16, Integer::q8, Integer::mxfp4},
            unpack_bf16,
            rms_norm,
            swiglu,
            add_scaled,
            store_f16,
            AttentionBody<V>::kernels};
  }
};

}  // namespace
