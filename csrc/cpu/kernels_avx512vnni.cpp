#include "cpu/integer_impl.h"
#include "cpu/integer_vnni.h"
#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_avx512.h"

namespace gptoss::cpu {

const Kernels& avx512vnni_kernels() {
  static constexpr Kernels kernels =
      Body<Avx512>::kernels<IntegerBody<Avx512, VnniWords>>("avx512vnni");
  return kernels;
}

}  // namespace gptoss::cpu
