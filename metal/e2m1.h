// Decoding of E2M1 codes, eight at a time.
#pragma once

#include "metal/common.h"

// Eight codes as halves, each times 2^-14: code i and code i + 4 of a word, the lowest nibble
// first.
struct E2m1Word {
  half2 w04;
  half2 w15;
  half2 w26;
  half2 w37;
};

// A code s|eem becomes a half with s as its sign and eem as the lowest two exponent bits and the
// highest mantissa bit: the code's value times 2^-14, exactly, 0.5 being a subnormal half. Four
// codes at a time, each in its byte: moved to bits 4 … 1, adding 0x70 carries the sign into bit 7
// (and leaves bits 6 … 4 as something that the last mask removes). Then the bytes, two by two, are
// the upper bytes of halves.
GPTOSS_INLINE E2m1Word e2m1_word(uint word) {
  const uint even = ((word + word) & 0x1e1e1e1eu) + 0x70707070u;
  const uint odd = ((word >> 3) & 0x1e1e1e1eu) + 0x70707070u;
  E2m1Word codes;
  codes.w04 = as_type<half2>((even << 8) & 0x8e008e00u);
  codes.w15 = as_type<half2>((odd << 8) & 0x8e008e00u);
  codes.w26 = as_type<half2>(even & 0x8e008e00u);
  codes.w37 = as_type<half2>(odd & 0x8e008e00u);
  return codes;
}
