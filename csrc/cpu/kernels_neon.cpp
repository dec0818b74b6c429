#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_neon.h"

namespace gptoss::cpu {

const Kernels& neon_kernels() { return Body<Neon>::kernels; }

}  // namespace gptoss::cpu
