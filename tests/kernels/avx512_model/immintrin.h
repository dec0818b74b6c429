// The AVX-512 intrinsics that csrc/cpu/simd_avx512.h uses, in plain C++ after Intel's Intrinsics
// Guide, so that the code runs on processors without AVX-512. Stands in for <immintrin.h> in
// tests/kernels/test_instruction_sets.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

constexpr int _MM_FROUND_TO_NEAREST_INT = 0;
constexpr int _MM_FROUND_NO_EXC = 8;

template <class T, int N>
struct Lanes {
  T lane[N];
};
using __m512 = Lanes<float, 16>;
using __m512i = Lanes<int32_t, 16>;
using __m256i = Lanes<uint16_t, 16>;
using __m128i = Lanes<uint8_t, 16>;

template <class To, class F>
To each(F f) {
  To result;
  for (int i = 0; i < 16; ++i) result.lane[i] = f(i);
  return result;
}
template <class To, class From>
To cast_bits(const From& from) {
  To to;
  static_assert(sizeof to == sizeof from);
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <class T>
T read(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline __m512 _mm512_set1_ps(float x) {
  return each<__m512>([&](int) { return x; });
}
inline __m512 _mm512_setzero_ps() { return _mm512_set1_ps(0); }
template <class... X>
__m512 _mm512_setr_ps(X... x) {
  return {{static_cast<float>(x)...}};
}
inline __m512 _mm512_loadu_ps(const void* p) { return read<__m512>(p); }
inline void _mm512_storeu_ps(void* p, __m512 x) { std::memcpy(p, &x, sizeof x); }
inline __m256i _mm256_loadu_si256(const void* p) { return read<__m256i>(p); }
inline void _mm256_storeu_si256(void* p, __m256i x) { std::memcpy(p, &x, sizeof x); }
inline __m128i _mm_loadu_si128(const void* p) { return read<__m128i>(p); }

#define GPTOSS_BINARY(name, expression)              \
  inline __m512 name(__m512 a, __m512 b) {           \
    return each<__m512>([&](int i) {                 \
      const float x = a.lane[i], y = b.lane[i];      \
      return expression;                             \
    });                                              \
  }
GPTOSS_BINARY(_mm512_add_ps, x + y)
GPTOSS_BINARY(_mm512_sub_ps, x - y)
GPTOSS_BINARY(_mm512_mul_ps, x* y)
GPTOSS_BINARY(_mm512_div_ps, x / y)
GPTOSS_BINARY(_mm512_min_ps, x < y ? x : y)
GPTOSS_BINARY(_mm512_max_ps, x > y ? x : y)
#undef GPTOSS_BINARY

inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return each<__m512>([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m512 _mm512_roundscale_ps(__m512 a, int) {
  return each<__m512>([&](int i) { return std::nearbyintf(a.lane[i]); });
}
inline float _mm512_reduce_add_ps(__m512 a) {
  float sum = 0;
  for (const float x : a.lane) sum += x;
  return sum;
}
inline float _mm512_reduce_max_ps(__m512 a) {
  float best = a.lane[0];
  for (const float x : a.lane) best = x > best ? x : best;
  return best;
}
// The index's low four bits choose the lane.
inline __m512 _mm512_permutexvar_ps(__m512i index, __m512 a) {
  return each<__m512>([&](int i) { return a.lane[index.lane[i] & 15]; });
}

inline __m512i _mm512_set1_epi32(int x) {
  return each<__m512i>([&](int) { return x; });
}
inline __m512i _mm512_add_epi32(__m512i a, __m512i b) {
  return each<__m512i>([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline __m512i _mm512_slli_epi32(__m512i a, unsigned n) {
  return each<__m512i>(
      [&](int i) { return static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) << n); });
}
inline __m512i _mm512_srli_epi32(__m512i a, unsigned n) {
  return each<__m512i>(
      [&](int i) { return static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) >> n); });
}
inline __m512 _mm512_castsi512_ps(__m512i a) { return cast_bits<__m512>(a); }
inline __m512i _mm512_cvtps_epi32(__m512 a) {
  return each<__m512i>([&](int i) { return static_cast<int32_t>(std::nearbyintf(a.lane[i])); });
}
inline __m512 _mm512_cvtepi32_ps(__m512i a) {
  return each<__m512>([&](int i) { return static_cast<float>(a.lane[i]); });
}
inline __m512i _mm512_cvtepu16_epi32(__m256i a) {
  return each<__m512i>([&](int i) { return static_cast<int32_t>(a.lane[i]); });
}
inline __m512i _mm512_cvtepu8_epi32(__m128i a) {
  return each<__m512i>([&](int i) { return static_cast<int32_t>(a.lane[i]); });
}
inline __m512i _mm512_cvtepi8_epi32(__m128i a) {
  return each<__m512i>([&](int i) { return int32_t{static_cast<int8_t>(a.lane[i])}; });
}

inline __m128i _mm_srli_epi16(__m128i a, int n) {
  auto words = cast_bits<Lanes<uint16_t, 8>>(a);
  for (uint16_t& word : words.lane) word = static_cast<uint16_t>(word >> n);
  return cast_bits<__m128i>(words);
}
inline __m128i _mm_unpacklo_epi8(__m128i a, __m128i b) {
  return each<__m128i>([&](int i) { return i % 2 == 0 ? a.lane[i / 2] : b.lane[i / 2]; });
}
inline __m128i _mm_unpackhi_epi8(__m128i a, __m128i b) {
  return each<__m128i>([&](int i) { return i % 2 == 0 ? a.lane[8 + i / 2] : b.lane[8 + i / 2]; });
}

// f16 through the value's definition: sign, 5 bits of exponent, 10 of mantissa; no infinities here.
inline float _cvtsh_ss(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const float mantissa = static_cast<float>(bits & 1023);
  const float magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                        : std::ldexp(mantissa + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}
inline __m512 _mm512_cvtph_ps(__m256i a) {
  return each<__m512>([&](int i) { return _cvtsh_ss(a.lane[i]); });
}
inline uint16_t nearest_half(float x) {
  const float magnitude = std::fabs(x);
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude in [2^(exponent-1), 2^exponent)
  const int step = exponent - 11 < -24 ? -24 : exponent - 11;
  const float rounded = std::ldexp(std::nearbyintf(std::ldexp(magnitude, -step)), step);
  uint16_t low = 0, high = 0x7BFF;  // codes are ordered like their values
  while (low < high) {
    const uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    if (_cvtsh_ss(middle) < rounded) {
      low = static_cast<uint16_t>(middle + 1);
    } else {
      high = middle;
    }
  }
  return static_cast<uint16_t>(low | (std::signbit(x) ? 0x8000 : 0));
}
inline __m256i _mm512_cvtps_ph(__m512 a, int) {
  return each<__m256i>([&](int i) { return nearest_half(a.lane[i]); });
}
