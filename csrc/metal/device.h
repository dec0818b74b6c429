// The GPU of this machine.
#pragma once

#include "metal/device_facts.h"
#include "metal/metal_cpp.h"

namespace gptoss::metal {

// The default device. Throws Error when there is none. Callers hold a Pool.
Ref<MTL::Device> open_device();
DeviceFacts facts_of(MTL::Device* device);

}  // namespace gptoss::metal
