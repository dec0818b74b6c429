// The kernels of a library with their function constants set, ready to be dispatched.
#pragma once

#include <array>
#include <span>

#include "metal/constants.h"
#include "metal/kernel_table.h"
#include "metal/metal_cpp.h"

namespace gptoss::metal {

class Pipelines {
 public:
  Pipelines(MTL::Device* device, Ref<MTL::Library> library, const Constants& constants);

  // Makes those of `kernels` that do not exist yet, all at the same time. Throws Error naming the
  // kernel, with Metal's own words.
  void make(std::span<const Kernel> kernels);
  void make_all();
  // nullptr when it was not made.
  MTL::ComputePipelineState* get(Kernel kernel) const {
    return states_[static_cast<size_t>(kernel)].get();
  }

 private:
  Ref<MTL::Function> function(Kernel kernel) const;

  MTL::Device* device_;
  Ref<MTL::Library> library_;
  Constants constants_;
  std::array<Ref<MTL::ComputePipelineState>, kKernels> states_;
};

}  // namespace gptoss::metal
