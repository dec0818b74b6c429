#include "cpu/kernels.h"

#include <string>
#include <string_view>

#include "cpu/kernel_sets.h"
#include "model/error.h"
#if defined(GPTOSS_X86)
#include "cpu/x86_features.h"
#elif defined(GPTOSS_NEON)
#include "cpu/arm_features.h"
#endif

namespace gptoss::cpu {

namespace {

struct Candidate {
  bool supported;
  const Kernels& (*kernels)();
};

#if defined(GPTOSS_X86)
const Candidate* candidates(int* count) {
  static const X86Features features = X86Features::detect();
  static const Candidate list[] = {{features.avx512_vnni, avx512vnni_kernels},
                                   {features.avx512, avx512_kernels},
                                   {features.avx2_fma_f16c, avx2_kernels},
                                   {true, portable_kernels}};
  *count = 4;
  return list;
}
#elif defined(GPTOSS_NEON)
const Candidate* candidates(int* count) {
  static const Candidate list[] = {{has_matrix_product(), neoni8mm_kernels},
                                   {has_dot_product(), neondot_kernels},
                                   {true, neon_kernels},
                                   {true, portable_kernels}};
  *count = 4;
  return list;
}
#else
const Candidate* candidates(int* count) {
  static const Candidate list[] = {{true, portable_kernels}};
  *count = 1;
  return list;
}
#endif

}  // namespace

const Kernels& select_kernels(const char* isa) {
  const std::string_view wanted(isa);
  int count = 0;
  const Candidate* list = candidates(&count);
  std::string available;
  for (int i = 0; i < count; ++i) {
    if (!list[i].supported) continue;
    const Kernels& kernels = list[i].kernels();
    if (wanted.empty() || wanted == kernels.isa) return kernels;
    available += (available.empty() ? "" : ", ") + std::string(kernels.isa);
  }
  throw Error("cpu", "this processor does not run '" + std::string(isa) + "' code",
              "one of " + available);
}

}  // namespace gptoss::cpu
