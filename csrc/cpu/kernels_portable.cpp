#include "cpu/integer_impl.h"
#include "cpu/integer_portable.h"
#include "cpu/kernel_sets.h"
#include "cpu/kernels_impl.h"
#include "cpu/simd_portable.h"

namespace gptoss::cpu {

const Kernels& portable_kernels() {
  static constexpr Kernels kernels =
      Body<Portable>::kernels<IntegerBody<Portable, PortableIntegers>>("portable");
  return kernels;
}

}  // namespace gptoss::cpu
