// Lets a build without GPTOSS_X86 run the AVX-512 kernels where it would take the portable ones.
#include "cpu/kernel_sets.h"

namespace gptoss::cpu {

const Kernels& portable_kernels() { return avx512_kernels(); }

}  // namespace gptoss::cpu
