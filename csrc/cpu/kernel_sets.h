// The compiled sets; which of them exist depends on the architecture.
#pragma once

#include "cpu/kernels.h"

namespace gptoss::cpu {

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& avx512vnni_kernels();
const Kernels& neon_kernels();
const Kernels& neondot_kernels();
const Kernels& neoni8mm_kernels();

}  // namespace gptoss::cpu
