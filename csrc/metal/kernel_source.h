// The kernels, embedded by the build: metal/*.h and metal/*.metal as one text, and where the build
// machine had Apple's compiler, the library made of it.
#pragma once

#include <cstddef>
#include <string_view>

namespace gptoss::metal {

extern const std::string_view kKernelSource;  // zero-terminated

#ifdef GPTOSS_METALLIB
extern const unsigned char kMetallib[];
extern const size_t kMetallibBytes;
#endif

}  // namespace gptoss::metal
