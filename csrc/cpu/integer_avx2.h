// Registers of 256 bits for Words (integer_words.h): AVX2.
#pragma once

#include "cpu/integer_words.h"
#include "cpu/simd_avx2.h"

namespace {

struct Words256 {
  using Integers = __m256i;
  using Floats = Avx2;
  using Lanes = Floats::Vec;
  static constexpr int kGroups = 2;
  template <int tokens>
  static constexpr int kRows = tokens > 1 ? 2 : 4;
  static constexpr int kTokens = 8;

  static Lanes to_float(Integers a) { return _mm256_cvtepi32_ps(a); }
  static Integers load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static Integers madd(Integers a, Integers b) { return _mm256_madd_epi16(a, b); }
  static Integers add_madd(Integers total, Integers a, Integers b) {
    return _mm256_add_epi32(total, madd(a, b));
  }
  static Integers even_bytes(Integers a) { return _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8); }
  static Integers odd_bytes(Integers a) { return _mm256_srai_epi16(a, 8); }
  // Twice the value of each of the four codes in a word.
  static void look_up(Integers codes, Integers out[4]) {
    const Integers table = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(gptoss::cpu::kTwiceE2M1)));
    const Integers low = _mm256_set1_epi8(15);
    const Integers even = _mm256_shuffle_epi8(table, _mm256_and_si256(codes, low));
    const Integers odd =
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(codes, 4), low));
    out[0] = even_bytes(even);
    out[1] = even_bytes(odd);
    out[2] = odd_bytes(even);
    out[3] = odd_bytes(odd);
  }
  template <int G>
  static Integers load_blocks(const uint8_t* p) {
    return load(p);
  }
  // The first and the last 16 of each group's 32 bytes.
  template <int G>
  static void halves(const uint8_t* p, Integers* first, Integers* last) {
    const Integers a = load(p), b = load(p + 32);
    *first = _mm256_permute2x128_si256(a, b, 0x20);
    *last = _mm256_permute2x128_si256(a, b, 0x31);
  }
  static Lanes halves_to_lanes(uint64_t halves) {
    const __m128i places = _mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3);
    return _mm256_cvtph_ps(
        _mm_shuffle_epi8(_mm_cvtsi64_si128(static_cast<int64_t>(halves)), places));
  }
  // A byte becomes the exponent: 2^(code - 127). Code 0 is the subnormal 2^-127.
  static Lanes exponents_to_lanes(uint32_t codes) {
    const __m256i places = _mm256_setr_epi32(23, 23, 23, 23, 15, 15, 15, 15);
    const __m256i moved = _mm256_sllv_epi32(_mm256_set1_epi32(static_cast<int>(codes)), places);
    const __m256i exponents = _mm256_and_si256(moved, _mm256_set1_epi32(0x7F800000));
    return _mm256_castsi256_ps(_mm256_max_epu32(exponents, _mm256_set1_epi32(0x00400000)));
  }
};

}  // namespace
