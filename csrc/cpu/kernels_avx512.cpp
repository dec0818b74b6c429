#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_avx512.h"

namespace gptoss::cpu {

const Kernels& avx512_kernels() { return Body<Avx512>::kernels; }

}  // namespace gptoss::cpu
