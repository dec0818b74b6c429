// What an x86-64 processor and its operating system offer, from CPUID and XGETBV (Intel SDM vol.
// 2A, "CPUID"; vol. 1, 13.2). Compilers' own __builtin_cpu_supports needs a runtime library that
// not every one of them ships.
#pragma once

#include <cpuid.h>

#include <cstdint>

namespace gptoss::cpu {

struct X86Features {
  bool avx2_fma_f16c = false;
  bool avx512 = false;  // F, DQ, BW and VL
  bool avx512_vnni = false;

  static X86Features detect() {
    X86Features features;
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return features;
    constexpr uint32_t kFma = 1u << 12, kOsxsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;
    constexpr uint32_t kNeeded = kFma | kOsxsave | kAvx | kF16c;
    if ((c & kNeeded) != kNeeded || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
    constexpr uint64_t kYmm = 0x06, kZmm = 0xe6;  // register states that the system saves
    const uint64_t saved = enabled_states();
    constexpr uint32_t kAvx2 = 1u << 5;
    constexpr uint32_t kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
    features.avx2_fma_f16c = (saved & kYmm) == kYmm && (b & kAvx2) != 0;
    constexpr uint32_t kVnni = 1u << 11;
    features.avx512 = features.avx2_fma_f16c && (saved & kZmm) == kZmm && (b & kAvx512) == kAvx512;
    features.avx512_vnni = features.avx512 && (c & kVnni) != 0;
    return features;
  }

 private:
  static uint64_t enabled_states() {
    uint32_t low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t{high} << 32) | low;
  }
};

}  // namespace gptoss::cpu
