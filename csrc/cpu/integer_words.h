// Integer products on x86-64: weights are widened to int16, and vpmaddwd or VNNI's vpdpwssd sums
// products of two. Written over a register type R: Words512 or Words256.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/e2m1.h"
#include "cpu/kernels.h"

namespace {

// Lane 4 g + j is part j of group g.
template <class R>
struct Words : gptoss::cpu::WholeWeights {
  using Vec = typename R::Integers;
  using Floats = typename R::Floats;
  using Lanes = typename Floats::Vec;
  // Word i of group g in vector v is weight 4 i + v of an MXFP4 group, and weight
  // 2 i + v % 2 + 16 (v / 2) of a q8 one. Activations lie in the same order.
  struct Weights {
    Vec words[4];
  };
  static constexpr int kGroups = R::kGroups;
  static constexpr int kOperandBytes = kGroups * 64;
  template <int tokens>
  static constexpr int kRows = R::template kRows<tokens>;
  static constexpr int kTokens = R::kTokens;

  static Lanes zero() { return Floats::zero(); }
  static void sum(Lanes a, float* out) { *out = Floats::sum(a); }
  static void sums(Lanes a, Lanes b, Lanes c, Lanes d, float* out) {
    Floats::sums(a, b, c, d, out);
  }

  struct Values {
    Vec words[4];
    explicit Values(const uint8_t* x) {
      for (int i = 0; i < 4; ++i) words[i] = R::load(x + i * kGroups * 16);
    }
  };

  static Lanes dot(const Weights& w, const Values& x) {
    Vec total = R::madd(w.words[0], x.words[0]);
    for (int i = 1; i < 4; ++i) total = R::add_madd(total, w.words[i], x.words[i]);
    return R::to_float(total);
  }

  template <gptoss::cpu::Storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    return Floats::fma(dot(w, x), scale, total);
  }

  template <gptoss::cpu::Storage storage, int G>
  static Weights weights(const uint8_t* p) {
    Weights w;
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      Vec first, last;
      R::template halves<G>(p, &first, &last);
      w = {{R::even_bytes(first), R::odd_bytes(first), R::even_bytes(last), R::odd_bytes(last)}};
    } else {
      R::look_up(R::template load_blocks<G>(p), w.words);
    }
    return w;
  }

  template <gptoss::cpu::Storage storage, int G>
  static Lanes scales(const uint8_t* p) {
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      uint64_t halves = 0;
      std::memcpy(&halves, p, 2 * G);
      return R::halves_to_lanes(halves);
    } else {
      uint32_t codes = 0;
      std::memcpy(&codes, p, G);
      return R::exponents_to_lanes(codes);
    }
  }

  template <gptoss::cpu::Storage storage>
  static void pack(const int16_t* a, uint8_t* out) {
    constexpr bool kQ8 = storage == gptoss::cpu::Storage::q8;
    constexpr int kStride = kQ8 ? 2 : 4;
    int16_t* words = reinterpret_cast<int16_t*>(out);
    for (int v = 0; v < 4; ++v) {
      const int16_t* first = a + (kQ8 ? v % 2 + 16 * (v / 2) : v);
      for (int g = 0; g < kGroups; ++g) {
        for (int i = 0; i < 8; ++i) *words++ = first[32 * g + kStride * i];
      }
    }
  }
};

}  // namespace
