// Runs plans on a queue of its own: in concurrent encoders with the fewest barriers, cut into
// command buffers that each stay far below the second after which macOS kills GPU work, two of them
// in flight.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "metal/pipelines.h"
#include "metal/plan.h"
#include "metal/residency.h"

namespace gptoss::metal {

class CommandStream {
 public:
  // What is in these stays resident for the queue; they must outlive it.
  using ResidencyList = std::array<const Residency*, 2>;

  CommandStream(MTL::Device* device, const ResidencyList& residency);

  // Returns when the GPU has finished. Throws Cancelled between command buffers once `cancelled` is
  // set, and Error when the GPU fails; in both cases nothing is in flight any more. After an Error
  // the stream must not be used again: the system may refuse its queue.
  void run(const Plan& plan, const Pipelines& pipelines, const std::atomic<bool>& cancelled);

 private:
  // Encodes the steps of one command buffer and commits it.
  Ref<MTL::CommandBuffer> submit(std::span<const Step> steps, bool first, bool last,
                                 const Pipelines& pipelines);
  void use_indirect(MTL::ComputeCommandEncoder* encoder) const;
  void attach_residency();

  uint64_t working_set_;
  ResidencyList residency_;
  std::array<size_t, 2> attached_{};  // sets of each that the queue has
  Ref<MTL::CommandQueue> queue_;
  Ref<MTL::Fence> fence_;  // orders each encoder behind the one before
};

}  // namespace gptoss::metal
