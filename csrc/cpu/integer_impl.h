// Integer products: q8 and MXFP4 matrices against activations rounded to int16. Included once per
// instruction set, like kernels_impl.h and under the same rules.
//
//   y[r] = scale(x) * sum over groups g of scale(r, g) * D(r, g)
//   D(r, g) = sum over k in g of w[r, k] * a[k]
//
// where a = round(x / scale(x)) with scale(x) = max |x| / kLargest, and w are the stored int8 (of
// MXFP4: twice the value, which is whole). D is exact in int32. A rounding of 2^-16 of the largest
// activation is finer than what bf16 activations lose even where one of them dwarfs all others
// (per weight 2^-16 / sqrt(3) of it, against 2^-9 / sqrt(12) of each), and measured KL divergences
// are those of float32 products (docs/SPEED.md). int8 activations with a scale per group would be
// twice as fast and fail the yardstick (DESIGN: not worse than bf16).
//
// D is formed in four parts, 8 weights each, and every part has a float32 accumulator of its own:
// a vector of I::kGroups groups is added as one, scaled. I::kUnit is what accumulators count in:
// they may be a power of two away, and for MXFP4 twice the weights were multiplied.
#pragma once

#include <cstdint>

#include "cpu/kernels.h"

namespace {

using gptoss::kGroup;
using gptoss::cpu::MatrixRows;
using gptoss::cpu::Operand;
using gptoss::cpu::Storage;

constexpr float kLargest = 32512.0f;  // 127 * 256: both bytes of an activation fit int8

// Over a float vector type V and the integer arithmetic I of an instruction set.
template <class V, class I>
struct IntegerBody {
  using Lanes = typename I::Lanes;
  static constexpr int kStep = I::kGroups * kGroup;  // weights of a row taken together
  static constexpr int kJoint = I::kJointRows;

  static int64_t operand_bytes(int cols) { return (cols + kStep - 1) / kStep * I::kOperandBytes; }

  // ---- activations ----------------------------------------------------------------------------

  template <Storage storage>
  static float prepare(const float* x, int cols, void* operand) {
    typename V::Vec top = V::zero(), check = V::zero();
    for (int i = 0; i < cols; i += V::width) {
      const typename V::Vec value = V::load(x + i);
      top = V::max(top, V::max(value, V::sub(V::zero(), value)));
      check = V::fma(value, V::zero(), check);
    }
    const float largest = V::largest(top);
    const bool finite = V::sum(check) == 0;
    // Below this, 1 / scale would overflow; such a vector is zero beside any bias.
    const bool zero = !(largest > 1e-30f);
    const float inverse = finite && !zero ? kLargest / largest : 0.0f;
    uint8_t* out = static_cast<uint8_t*>(operand);
    for (int i = 0; i < cols; i += kStep, out += I::kOperandBytes) {
      alignas(64) int16_t rounded[kStep] = {};
      const int count = cols - i < kStep ? cols - i : kStep;
      if (inverse != 0) round(x + i, inverse, count, rounded);
      I::template pack<storage>(rounded, out);
    }
    if (!finite) return __builtin_nanf("");
    return zero ? 0.0f : largest / kLargest;
  }

  static void round(const float* x, float inverse, int count, int16_t* out) {
    alignas(64) float whole[kStep];
    for (int i = 0; i < count; i += V::width) {
      V::store(whole + i, V::round(V::mul(V::load(x + i), V::set(inverse))));
    }
    for (int i = 0; i < count; ++i) out[i] = static_cast<int16_t>(whole[i]);
  }

  // ---- products -------------------------------------------------------------------------------

  // G groups of one row, or of the rows that are taken jointly, from the pointers a Row holds.
  template <Storage storage>
  struct Row {
    static constexpr int kGroupBytes = storage == Storage::q8 ? 32 : 16;
    static constexpr int kScaleBytes = storage == Storage::q8 ? 2 : 1;
    const uint8_t* values;
    const uint8_t* scales;
    const int64_t other;  // groups to the second of two joint rows: 0 if there is none

    Row(const MatrixRows& w, int64_t row)
        : values(static_cast<const uint8_t*>(w.values) + row * (w.cols / kGroup) * kGroupBytes),
          scales(static_cast<const uint8_t*>(w.scales) + row * (w.cols / kGroup) * kScaleBytes),
          other(row + 1 < w.rows ? w.cols / kGroup : 0) {}
    template <int G>
    typename I::Weights weights(int64_t group) const {
      const uint8_t* p = values + group * kGroupBytes;
      if constexpr (kJoint == 1)
        return I::template weights<storage, G>(p);
      else
        return I::template weights<storage, G>(p, p + other * kGroupBytes);
    }
    template <int G>
    Lanes scale(int64_t group) const {
      const uint8_t* p = scales + group * kScaleBytes;
      if constexpr (kJoint == 1)
        return I::template scales<storage, G>(p);
      else
        return I::template scales<storage, G>(p, p + other * kScaleBytes);
    }
    // Asks for the lines that hold the groups of a step `rows` rows further down: the rows of a
    // tile are too short for the processor to see streams in them. Scales, of which a line holds
    // those of many steps, are asked for twice as far ahead. Reaching behind the matrix does no
    // harm. Inline in any case: GCC sees no effect in a function that only prefetches, and drops
    // calls of it.
    [[gnu::always_inline]] void prefetch(int64_t group, int64_t groups, int rows) const {
      for (int row = 0; row < kJoint; ++row) {
        const uint8_t* p = values + (group + (rows + row) * groups) * kGroupBytes;
        for (int line = 0; line < I::kGroups * kGroupBytes; line += 64) {
          __builtin_prefetch(p + line, 0, 2);
        }
        if (group % 32 == 0) {
          __builtin_prefetch(scales + (group + (2 * rows + row) * groups) * kScaleBytes, 0, 2);
        }
      }
    }
  };

  // R rows, or pairs of joint rows, against T operands.
  template <Storage storage, int R, int T, bool prefetch>
  static void tile(const MatrixRows& w, int64_t first, const Operand* x, float* y, int64_t ldy) {
    constexpr int kRows = R * kJoint;
    const int64_t groups = w.cols / kGroup;
    Lanes total[R][T];
    for (int r = 0; r < R; ++r) {
      for (int t = 0; t < T; ++t) total[r][t] = I::zero();
    }
    const auto step = [&]<int G>(int64_t g) {
      typename I::Weights weights[R];
      Lanes scale[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const Row<storage> row(w, first + r * kJoint);
        if (prefetch) row.prefetch(g, groups, kRows);
        weights[r] = row.template weights<G>(g);
        scale[r] = row.template scale<G>(g);
      }
      const int64_t at = g / I::kGroups * I::kOperandBytes;
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename I::Values values(static_cast<const uint8_t*>(x[t].values) + at);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          total[r][t] = I::template add<storage>(total[r][t], weights[r], values, scale[r]);
        }
      }
    };
    int64_t g = 0;
    for (; g + I::kGroups <= groups; g += I::kGroups) step.template operator()<I::kGroups>(g);
    // Columns are a multiple of 64: of four groups, two may be left.
    if constexpr (I::kGroups == 4) {
      if (g < groups) step.template operator()<2>(g);
    }
    float sums[kRows * T];
    const auto at = [&](int i) { return total[i % R][i / R]; };
    constexpr int kFours = R * T / 4 * 4;
#pragma GCC unroll 4
    for (int i = 0; i < kFours; i += 4) {
      I::sums(at(i), at(i + 1), at(i + 2), at(i + 3), sums + i * kJoint);
    }
#pragma GCC unroll 4
    for (int i = kFours; i < R * T; ++i) I::sum(at(i), sums + i * kJoint);
    const int count = kJoint == 1 || first + kRows <= w.rows ? kRows : 1;
    for (int t = 0; t < T; ++t) {
      for (int r = 0; r < count; ++r) {
        y[t * ldy + first + r] = x[t].scale * (I::template kUnit<storage> * sums[t * kRows + r]);
      }
    }
  }

  template <Storage storage, int T, bool prefetch>
  static void tile_rows(const MatrixRows& w, const Operand* x, float* y, int64_t ldy) {
    constexpr int kRows = I::template kRows<T>;
    int64_t r = 0;
    for (; r + kRows * kJoint <= w.rows; r += kRows * kJoint) {
      tile<storage, kRows, T, prefetch>(w, r, x, y, ldy);
    }
    for (; r < w.rows; r += kJoint) tile<storage, 1, T, prefetch>(w, r, x, y, ldy);
  }

  // All rows against `tokens` operands, at most T.
  template <Storage storage, bool prefetch, int T>
  static void multiply_few(const MatrixRows& w, const Operand* x, int tokens, float* y,
                           int64_t ldy) {
    if constexpr (T > 1) {
      if (tokens < T) return multiply_few<storage, prefetch, T - 1>(w, x, tokens, y, ldy);
    }
    tile_rows<storage, T, prefetch>(w, x, y, ldy);
  }

  // In as few turns as possible, with as many tokens in each as in the others: what taking the
  // weights apart costs is shared by all of a turn.
  template <Storage storage>
  static void multiply(const MatrixRows& w, const Operand* x, int tokens, float*, float* y,
                       int64_t ldy) {
    int turns = (tokens + I::kTokens - 1) / I::kTokens;
    int count = tokens / turns;
    multiply_few<storage, true, I::kTokens>(w, x, count, y, ldy);
    while (--turns > 0) {  // the rows are in a cache now
      x += count;
      y += count * ldy;
      tokens -= count;
      count = tokens / turns;
      multiply_few<storage, false, I::kTokens>(w, x, count, y, ldy);
    }
  }

  static constexpr gptoss::cpu::Product q8 = {operand_bytes, prepare<Storage::q8>,
                                              multiply<Storage::q8>};
  static constexpr gptoss::cpu::Product mxfp4 = {operand_bytes, prepare<Storage::mxfp4>,
                                                 multiply<Storage::mxfp4>};
};

}  // namespace
