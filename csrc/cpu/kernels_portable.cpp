#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_portable.h"

namespace gptoss::cpu {

const Kernels& portable_kernels() { return Body<Portable>::kernels; }

}  // namespace gptoss::cpu
