#include "cpu/integer_avx2.h"
#include "cpu/integer_impl.h"
#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_avx2.h"

namespace gptoss::cpu {

const Kernels& avx2_kernels() {
  static constexpr Kernels kernels =
      Body<Avx2>::kernels<IntegerBody<Avx2, Words<Words256>>>("avx2");
  return kernels;
}

}  // namespace gptoss::cpu
