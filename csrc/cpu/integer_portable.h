// Integer products in plain C++: one group at a time.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/e2m1.h"
#include "cpu/kernels.h"
#include "cpu/simd_portable.h"

namespace {

// Twice the two values of each byte of codes.
struct PairTable {
  int16_t of[256][2];
};
constexpr PairTable kPairs = [] {
  PairTable table{};
  for (int byte = 0; byte < 256; ++byte) {
    table.of[byte][0] = gptoss::cpu::kTwiceE2M1[byte & 15];
    table.of[byte][1] = gptoss::cpu::kTwiceE2M1[byte >> 4];
  }
  return table;
}();

struct PortableIntegers : gptoss::cpu::WholeWeights {
  struct Lanes {
    float part[4];
  };
  struct Weights {
    int16_t value[32];
  };
  static constexpr int kGroups = 1;
  template <int tokens>
  static constexpr int kRows = 2;
  static constexpr int kTokens = 8;
  static constexpr int kOperandBytes = 64;

  static Lanes zero() { return {}; }
  static void sum(Lanes a, float* out) { *out = (a.part[0] + a.part[2]) + (a.part[1] + a.part[3]); }
  static void sums(Lanes a, Lanes b, Lanes c, Lanes d, float* out) {
    sum(a, out);
    sum(b, out + 1);
    sum(c, out + 2);
    sum(d, out + 3);
  }

  struct Values {
    const int16_t* words;
    explicit Values(const uint8_t* x) : words(reinterpret_cast<const int16_t*>(x)) {}
  };

  template <gptoss::cpu::Storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    const int16_t* a = x.words;
    for (int j = 0; j < 4; ++j) {
      int32_t part = 0;
      for (int i = 8 * j; i < 8 * j + 8; ++i) part += int32_t{w.value[i]} * a[i];
      total.part[j] += static_cast<float>(part) * scale.part[j];
    }
    return total;
  }

  template <gptoss::cpu::Storage storage, int>
  static Weights weights(const uint8_t* p) {
    Weights w;
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      const int8_t* values = reinterpret_cast<const int8_t*>(p);
      for (int i = 0; i < 32; ++i) w.value[i] = values[i];
    } else {
      for (int i = 0; i < 16; ++i) std::memcpy(w.value + 2 * i, kPairs.of[p[i]], 4);
    }
    return w;
  }

  template <gptoss::cpu::Storage storage, int>
  static Lanes scales(const uint8_t* p) {
    float scale;
    if constexpr (storage == gptoss::cpu::Storage::q8) {
      uint16_t half;
      std::memcpy(&half, p, sizeof half);
      scale = Portable::half(half);
    } else {
      scale = 2 * gptoss::cpu::kHalfE8M0.value[*p];
    }
    return {{scale, scale, scale, scale}};
  }

  template <gptoss::cpu::Storage>
  static void pack(const int16_t* a, uint8_t* out) {
    std::memcpy(out, a, kOperandBytes);
  }
};

}  // namespace
