#include "cpu/integer_impl.h"
#include "cpu/integer_neon.h"
#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_neon.h"

namespace gptoss::cpu {

const Kernels& neoni8mm_kernels() {
  static constexpr Kernels kernels =
      Body<Neon>::kernels<IntegerBody<Neon, NeonMatrices>>("neoni8mm");
  return kernels;
}

}  // namespace gptoss::cpu
