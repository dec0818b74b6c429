// Vectors of 8 floats in plain C++, for processors without one of the other sets.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

struct Portable {
  struct Vec {
    float lane[8];
  };
  static constexpr int width = 8;
  static constexpr int tile_tokens = 2;
  static constexpr int attention_rows = 8;  // rows and vectors of a tile of attention
  static constexpr int attention_vectors = 1;

  static Vec zero() { return set(0); }
  static Vec set(float x) {
    return each([x](int) { return x; });
  }
  static Vec load(const float* p) {
    return each([p](int i) { return p[i]; });
  }
  static void store(float* p, Vec x) { std::memcpy(p, x.lane, sizeof x.lane); }
  static Vec add(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Vec sub(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Vec mul(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Vec div(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  static Vec min(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vec max(Vec a, Vec b) {
    return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  // Two roundings; nothing relies on a fused one.
  static Vec fma(Vec a, Vec b, Vec c) { return add(mul(a, b), c); }
  static Vec round(Vec a) {
    return each([&](int i) { return std::nearbyintf(a.lane[i]); });
  }
  // 2^n for whole n in -126 .. 127.
  static Vec pow2(Vec n) {
    return each([&](int i) {
      return from_bits(static_cast<uint32_t>(static_cast<int32_t>(n.lane[i]) + 127) << 23);
    });
  }
  static float sum(Vec a) {
    const float* x = a.lane;
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
  }
  static void sums(Vec a, Vec b, Vec c, Vec d, float* out) {
    out[0] = sum(a);
    out[1] = sum(b);
    out[2] = sum(c);
    out[3] = sum(d);
  }
  static float largest(Vec a) {
    float best = a.lane[0];
    for (int i = 1; i < width; ++i) best = a.lane[i] > best ? a.lane[i] : best;
    return best;
  }
  static Vec load_f16(const uint16_t* p) {
    return each([p](int i) { return half(p[i]); });
  }
  static void store_f16(uint16_t* p, Vec x) {
    for (int i = 0; i < width; ++i) p[i] = to_half(x.lane[i]);
  }
  static float half(uint16_t bits) {
    // Exponent and mantissa shifted into a float, then rebiased by an exact multiplication by
    // 2^112; f16 infinities and NaNs are never stored.
    const float magnitude = from_bits(static_cast<uint32_t>(bits & 0x7FFF) << 13) * 0x1p112f;
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
  }
  static Vec load_bf16(const uint16_t* p) {
    return each([p](int i) { return from_bits(static_cast<uint32_t>(p[i]) << 16); });
  }
  static Vec load_i8(const int8_t* p) {
    return each([p](int i) { return static_cast<float>(p[i]); });
  }

 private:
  template <class F>
  static Vec each(F f) {
    Vec result;
    for (int i = 0; i < width; ++i) result.lane[i] = f(i);
    return result;
  }
  static float from_bits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
  // Round to nearest even; |x| <= 65504.
  static uint16_t to_half(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000;
    bits &= 0x7FFFFFFF;
    uint32_t half;
    if (bits < 0x38800000) {
      // Subnormal in f16: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
      float magnitude = from_bits(bits) + 0.5f;
      std::memcpy(&half, &magnitude, sizeof half);
      half -= 0x3F000000;
    } else {
      half = (bits + 0xFFF + ((bits >> 13) & 1) - 0x38000000) >> 13;
    }
    return static_cast<uint16_t>(sign | half);
  }
};

}  // namespace
