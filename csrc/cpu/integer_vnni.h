// Integer products on AVX-512 with VNNI: vpdpwssd adds products of two to int32 sums.
//
// In the loop over operands every instruction that multiplies counts: there are four per part of an
// MXFP4 group, and a fifth, the fma that scales their sum, takes a fifth of the time. A scale that
// is a power of two can do without: the sum starts from the bits of a float, 1.5 * 2^n, and goes
// into its mantissa, where it counts in units of 2^(n - 23). What is added to the total is the
// float that comes out less the one put in. Both are exact, so the bits are those of the fma.
#pragma once

#include "cpu/integer_avx512.h"

namespace {

struct VnniWords : Words<Words512> {
  using Base = Words<Words512>;

  template <gptoss::cpu::Storage storage>
  static constexpr bool kInMantissa = storage == gptoss::cpu::Storage::mxfp4;
  // MXFP4: a sum, of twice the weights, counts in units of 2^(code - 149).
  template <gptoss::cpu::Storage storage>
  static constexpr float kUnit = Base::kUnit<storage> * (kInMantissa<storage> ? 0x1p22f : 1.0f);

  // q8: the scales. MXFP4: where sums start, 1.5 * 2^(code - 126). A part of a group, 8 products of
  // at most 12 * 32512, fits the 22 bits beside that. Codes 254 (2^127) and 255 become NaN.
  template <gptoss::cpu::Storage storage, int G>
  static Lanes scales(const uint8_t* p) {
    if constexpr (!kInMantissa<storage>) return Base::scales<storage, G>(p);
    uint32_t codes = 0;
    std::memcpy(&codes, p, G);
    // Saturating, so that 255 does not reach the sign.
    return _mm512_castsi512_ps(
        _mm512_adds_epi16(Words512::exponents(codes), _mm512_set1_epi32(0x00C00000)));
  }

  struct Values {
    const uint8_t* x;
    explicit Values(const uint8_t* x) : x(x) {}
    Vec word(int i) const { return Words512::load(x + i * kGroups * 16); }
  };

  template <gptoss::cpu::Storage storage>
  static Lanes add(Lanes total, const Weights& w, const Values& x, Lanes scale) {
    Vec sum;
    if constexpr (kInMantissa<storage>) {
      sum = _mm512_dpwssd_epi32(_mm512_castps_si512(scale), w.words[0], x.word(0));
    } else {
      sum = _mm512_madd_epi16(w.words[0], x.word(0));
    }
#pragma GCC unroll 4
    for (int i = 1; i < 4; ++i) sum = _mm512_dpwssd_epi32(sum, w.words[i], x.word(i));
    if constexpr (kInMantissa<storage>) {
      return _mm512_add_ps(total, _mm512_sub_ps(_mm512_castsi512_ps(sum), scale));
    } else {
      return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, total);
    }
  }
};

}  // namespace
