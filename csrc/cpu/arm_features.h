// What an AArch64 processor offers beyond the base instruction set.
#pragma once

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace gptoss::cpu {

// sdot on int8: every Apple chip since the A11 and M1, and what Linux reports.
inline bool has_dot_product() {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

}  // namespace gptoss::cpu
