// What a module exports.
#pragma once

#include "abi.h"

// What clang calls to convert a float to a bfloat: round to nearest, ties to even; NaN stays NaN.
extern "C" __attribute__((weak, nodebug)) __bf16 __truncsfbf2(float value) {
  unsigned bits = __builtin_bit_cast(unsigned, value);
  bits = value == value ? bits + 0x7fff + (bits >> 16 & 1) : bits | 0x400000;
  return __builtin_bit_cast(__bf16, (unsigned short)(bits >> 16));
}

#ifdef SOFTMETAL_COVERAGE
// Where clang's block flags and their addresses lie; its start-up code tells.
static bool* softmetal_flags_begin;
static bool* softmetal_flags_end;
static const unsigned long long* softmetal_blocks;
extern "C" SOFTMETAL_UNCHECKED void __sanitizer_cov_bool_flag_init(bool* begin, bool* end) {
  softmetal_flags_begin = begin;
  softmetal_flags_end = end;
}
extern "C" SOFTMETAL_UNCHECKED void __sanitizer_cov_pcs_init(const unsigned long long* begin,
                                                             const unsigned long long*) {
  softmetal_blocks = begin;
}
#define SOFTMETAL_BLOCKS &softmetal_flags_begin, &softmetal_flags_end, &softmetal_blocks
#else
#define SOFTMETAL_BLOCKS nullptr, nullptr, nullptr
#endif

#define SOFTMETAL_EXPORT(kernels, kernel_count, constants, constant_count)           \
  extern "C" __attribute__((visibility("default")))                                  \
  const softmetal::abi::Module softmetal_module = {kernels, kernel_count, constants, \
                                                   constant_count, SOFTMETAL_BLOCKS};
