#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_avx2.h"

namespace gptoss::cpu {

const Kernels& avx2_kernels() { return Body<Avx2>::kernels; }

}  // namespace gptoss::cpu
