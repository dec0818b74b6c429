// Registers of 512 bits for Words (integer_words.h): AVX-512.
#pragma once

#include "cpu/integer_words.h"
#include "cpu/simd_avx512.h"

namespace {

struct Words512 {
  using Integers = __m512i;
  using Floats = Avx512;
  using Lanes = Floats::Vec;
  static constexpr int kGroups = 4;
  // Accumulators, weights and activations share 32 registers.
  template <int tokens>
  static constexpr int kRows = tokens > 3   ? 2
                               : tokens > 1 ? 3
                                            : 4;
  static constexpr int kTokens = 8;

  static Lanes to_float(Integers a) { return _mm512_cvtepi32_ps(a); }
  static Integers load(const void* p) { return _mm512_loadu_si512(p); }
  static Integers madd(Integers a, Integers b) { return _mm512_madd_epi16(a, b); }
  static Integers add_madd(Integers total, Integers a, Integers b) {
    return _mm512_add_epi32(total, madd(a, b));
  }
  static Integers even_bytes(Integers a) { return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8); }
  static Integers odd_bytes(Integers a) { return _mm512_srai_epi16(a, 8); }
  // Twice the value of each of the four codes in a word: the permutation looks at the lowest five
  // bits, and the table is there twice.
  static void look_up(Integers codes, Integers out[4]) {
    const __m512i table = _mm512_cvtepi8_epi16(_mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(gptoss::cpu::kTwiceE2M1))));
    out[0] = _mm512_permutexvar_epi16(codes, table);
    out[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table);
    out[2] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 8), table);
    out[3] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 12), table);
  }
  template <int G>
  static Integers load_blocks(const uint8_t* p) {
    return G == 4 ? load(p) : _mm512_maskz_loadu_epi64(0x0F, p);
  }
  // The first and the last 16 of each group's 32 bytes.
  template <int G>
  static void halves(const uint8_t* p, Integers* first, Integers* last) {
    const Integers a = load(p);
    const Integers b = G == 4 ? load(p + 64) : _mm512_setzero_si512();
    *first = _mm512_shuffle_i64x2(a, b, 0x88);
    *last = _mm512_shuffle_i64x2(a, b, 0xDD);
  }
  static Lanes halves_to_lanes(uint64_t halves) {
    const __m256i places = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3,  //
                                            4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7);
    return _mm512_cvtph_ps(
        _mm256_shuffle_epi8(_mm256_set1_epi64x(static_cast<int64_t>(halves)), places));
  }
  // A byte becomes the exponent: 2^(code - 127). Code 0 is the subnormal 2^-127.
  static Lanes exponents_to_lanes(uint32_t codes) {
    return _mm512_castsi512_ps(_mm512_max_epu32(exponents(codes), _mm512_set1_epi32(0x00400000)));
  }
  // Each byte at the place of a float's exponent.
  static Integers exponents(uint32_t codes) {
    const __m512i places =
        _mm512_setr_epi32(23, 23, 23, 23, 15, 15, 15, 15, 7, 7, 7, 7, 31, 31, 31, 31);
    const __m512i turned = _mm512_rolv_epi32(_mm512_set1_epi32(static_cast<int>(codes)), places);
    return _mm512_and_si512(turned, _mm512_set1_epi32(0x7F800000));
  }
};

}  // namespace
