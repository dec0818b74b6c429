// Checked modules: clang's kernel-address instrumentation calls these before each memory access.
#pragma once

#include "abi.h"

namespace softmetal {

// What lies on the fibers' stacks and in the engine's own memory is nobody's business.
SOFTMETAL_UNCHECKED static inline void note(const void* pc, unsigned long address,
                                            unsigned long bytes, int write) {
  abi::Group* group = abi::current_group();
  if ((address ^ reinterpret_cast<unsigned long>(group)) < abi::kArenaBytes) return;
  group->calls.access(reinterpret_cast<unsigned long>(pc) - 1,
                      reinterpret_cast<const void*>(address), bytes, write, 0);
}

}  // namespace softmetal

#define SOFTMETAL_CALLBACK extern "C" SOFTMETAL_UNCHECKED __attribute__((noinline, used))
#define SOFTMETAL_ACCESS(bytes)                                                  \
  SOFTMETAL_CALLBACK void __asan_load##bytes##_noabort(unsigned long address) {  \
    softmetal::note(__builtin_return_address(0), address, bytes, 0);             \
  }                                                                              \
  SOFTMETAL_CALLBACK void __asan_store##bytes##_noabort(unsigned long address) { \
    softmetal::note(__builtin_return_address(0), address, bytes, 1);             \
  }
SOFTMETAL_ACCESS(1)
SOFTMETAL_ACCESS(2)
SOFTMETAL_ACCESS(4)
SOFTMETAL_ACCESS(8)
SOFTMETAL_ACCESS(16)
#undef SOFTMETAL_ACCESS
SOFTMETAL_CALLBACK void __asan_loadN_noabort(unsigned long address, unsigned long bytes) {
  softmetal::note(__builtin_return_address(0), address, bytes, 0);
}
SOFTMETAL_CALLBACK void __asan_storeN_noabort(unsigned long address, unsigned long bytes) {
  softmetal::note(__builtin_return_address(0), address, bytes, 1);
}
SOFTMETAL_CALLBACK void* __asan_memcpy(void* to, const void* from, unsigned long bytes) {
  softmetal::note(__builtin_return_address(0), reinterpret_cast<unsigned long>(from), bytes, 0);
  softmetal::note(__builtin_return_address(0), reinterpret_cast<unsigned long>(to), bytes, 1);
  return __builtin_memcpy(to, from, bytes);
}
SOFTMETAL_CALLBACK void* __asan_memmove(void* to, const void* from, unsigned long bytes) {
  softmetal::note(__builtin_return_address(0), reinterpret_cast<unsigned long>(from), bytes, 0);
  softmetal::note(__builtin_return_address(0), reinterpret_cast<unsigned long>(to), bytes, 1);
  return __builtin_memmove(to, from, bytes);
}
SOFTMETAL_CALLBACK void* __asan_memset(void* to, int value, unsigned long bytes) {
  softmetal::note(__builtin_return_address(0), reinterpret_cast<unsigned long>(to), bytes, 1);
  return __builtin_memset(to, value, bytes);
}
SOFTMETAL_CALLBACK void __asan_handle_no_return() {}
#undef SOFTMETAL_CALLBACK
