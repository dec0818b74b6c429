// The compiled kernels of one device.
#pragma once

#include "metal/metal_cpp.h"

namespace gptoss::metal {

// Compiles the embedded source (language version 3.1, no fast math), or loads the metallib that was
// built in. Throws Error with the compiler's messages.
Ref<MTL::Library> make_library(MTL::Device* device);

}  // namespace gptoss::metal
