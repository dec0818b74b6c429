// The bodies of AttentionKernels over a vector type V (simd_*.h). Internal linkage, see
// kernels_impl.h.
#pragma once

#include <cstdint>

#include "cpu/attention_kernels.h"
#include "cpu/simd_exp.h"

namespace {

using gptoss::cpu::AttentionBlock;
using gptoss::cpu::AttentionQueries;
using gptoss::cpu::AttentionState;
using gptoss::cpu::kAttentionRows;
using gptoss::cpu::kBlock;
using gptoss::cpu::kHeadDimension;
using gptoss::cpu::kNothing;
using gptoss::cpu::kSumLanes;

// Keys and values both are [64, 64] matrices behind one another, so one product serves for both:
// scores = queries x keys, and output += weights x values.
constexpr int kSide = 64;
static_assert(kBlock == kSide && kHeadDimension == kSide);

template <class V>
struct AttentionBody {
  using Vec = typename V::Vec;
  static constexpr int W = V::width;
  static constexpr int kVecs = kSide / W;  // vectors per row of scores or values
  // Rows and vectors of a product's tile: its sums are in registers.
  static constexpr int R = V::attention_rows;
  static constexpr int N = V::attention_vectors;
  static_assert(kAttentionRows % R == 0 && kVecs % N == 0 && kSumLanes >= W);

  // Positions [from, to) of a block.
  struct Range {
    int from;
    int to;
  };

  static int within_block(int position) {
    return position < 0 ? 0 : position > kBlock ? kBlock : position;
  }

  // What tokens `first` .. `last` see of a block between them.
  static Range seen(const AttentionBlock& block, int first, int last) {
    return {within_block(block.first + first), within_block(block.last + last)};
  }

  static Vec load(const float* p) { return V::load(p); }
  static Vec load(const uint16_t* p) { return V::load_f16(p); }

  // sums[r, n] += sum over k in [first, last) of a[r, k] * b[k, n], in the order of k; a [R, 64],
  // b [64, 64] from the tile's first column on. Each b is loaded, and if need be converted, once
  // for all rows. `next` is fetched one line per k.
  template <class T>
  static void multiply(const float* a, const T* b, Range k_range, const char* next,
                       Vec (&sums)[R][N]) {
    for (int k = k_range.from; k < k_range.to; ++k) {
      __builtin_prefetch(next + k * 64, 0, 2);
      Vec x[N];
      for (int n = 0; n < N; ++n) x[n] = load(b + k * kSide + n * W);
      for (int r = 0; r < R; ++r) {
        const Vec factor = V::set(a[r * kSide + k]);
        for (int n = 0; n < N; ++n) sums[r][n] = V::fma(factor, x[n], sums[r][n]);
      }
    }
  }

  // One step of attention for R rows over one block.
  template <class T>
  struct Step {
    const float* q;  // [R, 64]
    const T* block;
    const char* next;
    float* m;
    float* l;
    float* out;
    Range range[R];  // per row
    Range together;
    alignas(64) float weight[R * kSide];           // scores, then their exponentials
    alignas(64) float factor[R < W ? W : R] = {};  // of what the state held before

    void score() {
      for (int column = 0; column < kSide; column += N * W) {
        if (column >= together.to || column + N * W <= together.from) continue;
        Vec sums[R][N];
        for (auto& row : sums) {
          for (Vec& sum : row) sum = V::zero();
        }
        multiply(q, block + column, {0, kSide}, next + column / (N * W) * (kSide * 64), sums);
        for (int r = 0; r < R; ++r) {
          for (int n = 0; n < N; ++n) V::store(weight + r * kSide + column + n * W, sums[r][n]);
        }
      }
    }

    void hide(int r, float value) {
      float* row = weight + r * kSide;
      for (int j = 0; j < range[r].from; ++j) row[j] = value;
      for (int j = range[r].to; j < kSide; ++j) row[j] = value;
    }

    // New maxima, and what the old ones are worth beside them.
    void raise() {
      for (int r = 0; r < R; ++r) {
        hide(r, kNothing);
        const float* row = weight + r * kSide;
        Vec top = V::load(row);
        for (int v = 1; v < kVecs; ++v) top = V::max(top, V::load(row + v * W));
        const float largest = V::largest(top);
        const float old = m[r];
        m[r] = largest > old ? largest : old;
        factor[r] = old - m[r];
      }
      for (int r = 0; r < R; r += W) V::store(factor + r, exp<V>(V::load(factor + r)));
    }

    void weigh() {
      for (int r = 0; r < R; ++r) {
        float* row = weight + r * kSide;
        const Vec top = V::set(m[r]);
        for (int v = 0; v < kVecs; ++v) {
          V::store(row + v * W, exp<V>(V::sub(V::load(row + v * W), top)));
        }
        hide(r, 0.0f);
        Vec sum = V::zero();
        for (int v = 0; v < kVecs; ++v) sum = V::add(sum, V::load(row + v * W));
        V::store(l + r * kSumLanes, V::fma(V::load(l + r * kSumLanes), V::set(factor[r]), sum));
      }
    }

    void add_values() {
      const T* values = block + kSide * kSide;
      const char* lines = next + kSide * kSide * sizeof(T);
      for (int column = 0; column < kSide; column += N * W) {
        Vec sums[R][N];
        for (int r = 0; r < R; ++r) {
          const Vec old = V::set(factor[r]);
          for (int n = 0; n < N; ++n) {
            sums[r][n] = V::mul(V::load(out + r * kSide + column + n * W), old);
          }
        }
        multiply(weight, values + column, together, lines + column / (N * W) * (kSide * 64), sums);
        for (int r = 0; r < R; ++r) {
          for (int n = 0; n < N; ++n) V::store(out + r * kSide + column + n * W, sums[r][n]);
        }
      }
    }
  };

  template <class T>
  static void attend(const AttentionQueries& queries, const AttentionBlock& block,
                     const AttentionState& state) {
    const auto token_of = [&](int row) {
      const int token = row / queries.group;
      return token < queries.tokens ? token : queries.tokens - 1;
    };
    for (int row = 0; row < queries.rows; row += R) {
      Step<T> step;
      step.together = seen(block, token_of(row), token_of(row + R - 1));
      if (step.together.from >= step.together.to) continue;
      step.q = queries.q + row * kSide;
      step.block = static_cast<const T*>(block.data);
      step.next = static_cast<const char*>(block.next);
      step.m = state.m + row;
      step.l = state.l + row * kSumLanes;
      step.out = state.out + row * kSide;
      for (int r = 0; r < R; ++r) step.range[r] = seen(block, token_of(row + r), token_of(row + r));
      step.score();
      step.raise();
      step.weigh();
      step.add_values();
    }
  }

  static void merge(const AttentionState& state, const AttentionState& other, int rows) {
    for (int row = 0; row < rows; ++row) {
      const float old = state.m[row];
      const float m = old > other.m[row] ? old : other.m[row];
      const Vec mine = exp<V>(V::set(old - m));
      const Vec theirs = exp<V>(V::set(other.m[row] - m));
      const auto join = [&](float* a, const float* b, int n) {
        for (int i = 0; i < n; i += W) {
          V::store(a + i, V::fma(V::load(a + i), mine, V::mul(V::load(b + i), theirs)));
        }
      };
      state.m[row] = m;
      join(state.l + row * kSumLanes, other.l + row * kSumLanes, kSumLanes);
      join(state.out + row * kSide, other.out + row * kSide, kSide);
    }
  }

  static void finish(const AttentionState& state, int rows) {
    for (int row = 0; row < rows; ++row) {
      Vec sum = V::zero();
      for (int i = 0; i < kSumLanes; i += W) {
        sum = V::add(sum, V::load(state.l + row * kSumLanes + i));
      }
      const Vec divisor = V::set(V::sum(sum));
      float* out = state.out + row * kSide;
      for (int i = 0; i < kSide; i += W) V::store(out + i, V::div(V::load(out + i), divisor));
    }
  }

  static constexpr gptoss::cpu::AttentionKernels kernels = {attend<uint16_t>, attend<float>, merge,
                                                            finish};
};

}  // namespace
