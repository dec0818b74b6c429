// Vectors of 8 floats on AVX2 + FMA + F16C.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

struct Avx2 {
  using Vec = __m256;
  static constexpr int width = 8;
  static constexpr int tile_tokens = 3;  // 4 rows x 3 tokens of accumulators fill 16 registers
  static constexpr int registers = 16;
  static constexpr int accumulators = 8;  // of the decode kernels
  static constexpr const char* name = "avx2";

  static Vec zero() { return _mm256_setzero_ps(); }
  static Vec set(float x) { return _mm256_set1_ps(x); }
  static Vec load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Vec x) { _mm256_storeu_ps(p, x); }
  static Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
  static Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
  static Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
  static Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  static Vec round(Vec a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // 2^n for whole n in -126 .. 127.
  static Vec pow2(Vec n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  static float sum(Vec a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float largest(Vec a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
  static Vec load_f16(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static void store_f16(uint16_t* p, Vec x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static float half(uint16_t bits) { return _cvtsh_ss(bits); }
  static Vec load_bf16(const uint16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static Vec load_i8(const int8_t* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  }

  // The order in which block_decode hands out a block's 32 values.
  static constexpr int decode_order[32] = {0,  4,  8,  12, 1,  5,  9,  13, 2,  6,  10,
                                           14, 3,  7,  11, 15, 16, 20, 24, 28, 17, 21,
                                           25, 29, 18, 22, 26, 30, 19, 23, 27, 31};
  // One MXFP4 block as four vectors; `half` is half its scale. A byte shuffle looks up the two
  // bytes of twice each value as bf16, which are the upper half of its float: no integer is
  // converted.
  static void block_decode(const uint8_t* p, float half, Vec out[4]) {
    const __m256i upper = _mm256_broadcastsi128_si256(
        _mm_set_epi64x(static_cast<int64_t>(0xC1C1'C0C0'C0C0'BF80), 0x4141'4040'4040'3F00));
    const __m256i lower = _mm256_broadcastsi128_si256(_mm_set1_epi64x(0x4000'C080'4000'8000));
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Even-numbered values' codes in the lower lane, odd-numbered ones' in the upper.
    const __m256i codes =
        _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), _mm256_set1_epi8(15));
    const __m256i high = _mm256_shuffle_epi8(upper, codes);
    const __m256i low = _mm256_shuffle_epi8(lower, codes);
    const __m256i first = _mm256_unpacklo_epi8(low, high);
    const __m256i second = _mm256_unpackhi_epi8(low, high);
    const __m256i odd_words = _mm256_set1_epi32(static_cast<int>(0xFFFF0000));
    const Vec s = _mm256_set1_ps(half);
    out[0] = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(first, 16)), s);
    out[1] = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_and_si256(first, odd_words)), s);
    out[2] = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(second, 16)), s);
    out[3] = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_and_si256(second, odd_words)), s);
  }
};

}  // namespace
