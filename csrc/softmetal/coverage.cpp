#include "softmetal/coverage.h"

#include <dlfcn.h>

namespace softmetal {

namespace {

// Clang's tables of one binary: a counter and a (program counter, flags) pair per basic block.
struct Tables {
  const uint8_t* counters = nullptr;
  const uint8_t* counters_end = nullptr;
  const uintptr_t* blocks = nullptr;
};

Tables& tables() {
  static Tables instance;
  return instance;
}

}  // namespace

std::vector<Block> host_blocks() {
  const Tables& t = tables();
  std::vector<Block> result;
  Dl_info binary{};
  if (t.blocks == nullptr || dladdr(t.blocks, &binary) == 0) return result;
  const auto base = reinterpret_cast<uintptr_t>(binary.dli_fbase);
  const auto count = t.counters_end - t.counters;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    result.push_back({t.blocks[2 * i] - base, t.counters[i] != 0});
  }
  return result;
}

}  // namespace softmetal

extern "C" {

__attribute__((visibility("hidden"))) void __sanitizer_cov_8bit_counters_init(const uint8_t* begin,
                                                                              const uint8_t* end) {
  softmetal::tables().counters = begin;
  softmetal::tables().counters_end = end;
}

__attribute__((visibility("hidden"))) void __sanitizer_cov_pcs_init(const uintptr_t* begin,
                                                                    const uintptr_t*) {
  softmetal::tables().blocks = begin;
}
}
