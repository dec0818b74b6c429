// The bodies of AttentionKernels over a vector type V (simd_*.h). Internal linkage, see
// kernels_impl.h.
#pragma once

#include <cstdint>

#include "cpu/attention_kernels.h"
#include "cpu/simd_exp.h"

namespace {

using gptoss::cpu::AttentionState;
using gptoss::cpu::kBlock;
using gptoss::cpu::kHeadDimension;

template <class V>
struct AttentionBody {
  using Vec = typename V::Vec;
  static constexpr int W = V::width;

  static void unpack_f16(const uint16_t* x, float* y, int n) {
    for (int i = 0; i < n; i += W) V::store(y + i, V::load_f16(x + i));
  }

  // Online softmax over one block; positions outside [first, last) weigh nothing.
  static void attend(const float* query, const float* keys, const float* values, int first,
                     int last, AttentionState* state) {
    constexpr int kLanes = kBlock / W;
    alignas(64) float score[kBlock];
    block_scores(query, keys, score);
    for (int j = 0; j < first; ++j) score[j] = -3.0e38f;
    for (int j = last; j < kBlock; ++j) score[j] = -3.0e38f;
    Vec top = V::load(score);
    for (int v = 1; v < kLanes; ++v) top = V::max(top, V::load(score + v * W));
    const float block_max = V::largest(top);
    const float m = block_max > state->m ? block_max : state->m;
    float rescale[W];
    V::store(rescale, exp<V>(V::set(state->m - m)));
    Vec sum = V::zero();
    for (int v = 0; v < kLanes; ++v) {
      V::store(score + v * W, exp<V>(V::sub(V::load(score + v * W), V::set(m))));
    }
    for (int j = 0; j < first; ++j) score[j] = 0;
    for (int j = last; j < kBlock; ++j) score[j] = 0;
    for (int v = 0; v < kLanes; ++v) sum = V::add(sum, V::load(score + v * W));
    state->m = m;
    state->l = state->l * rescale[0] + V::sum(sum);
    add_values(score, values, first, last, rescale[0], state->out);
  }

  // score[j] = sum_d query[d] * keys[d, j]
  static void block_scores(const float* query, const float* keys, float* score) {
    constexpr int kTile = 4;  // vectors of positions in flight
    for (int j = 0; j < kBlock; j += kTile * W) {
      Vec total[kTile];
      for (int v = 0; v < kTile; ++v) total[v] = V::zero();
      for (int d = 0; d < kHeadDimension; ++d) {
        const Vec q = V::set(query[d]);
        for (int v = 0; v < kTile; ++v) {
          total[v] = V::fma(q, V::load(keys + d * kBlock + j + v * W), total[v]);
        }
      }
      for (int v = 0; v < kTile; ++v) V::store(score + j + v * W, total[v]);
    }
  }

  // out = out * rescale + sum_j weight[j] * values[j]
  static void add_values(const float* weight, const float* values, int first, int last,
                         float rescale, float* out) {
    constexpr int kTile = 4;
    for (int d = 0; d < kHeadDimension; d += kTile * W) {
      Vec total[kTile];
      for (int v = 0; v < kTile; ++v) {
        total[v] = V::mul(V::load(out + d + v * W), V::set(rescale));
      }
      for (int j = first; j < last; ++j) {
        const Vec p = V::set(weight[j]);
        for (int v = 0; v < kTile; ++v) {
          total[v] = V::fma(p, V::load(values + j * kHeadDimension + d + v * W), total[v]);
        }
      }
      for (int v = 0; v < kTile; ++v) V::store(out + d + v * W, total[v]);
    }
  }

  static constexpr gptoss::cpu::AttentionKernels kernels = {attend, unpack_f16};
};

}  // namespace
