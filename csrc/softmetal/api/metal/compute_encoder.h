// MTLComputeCommandEncoder.
#pragma once

#include <Metal/MTLCommandEncoder.hpp>
#include <Metal/MTLTypes.hpp>

#include "softmetal/api/metal/encoder.h"

namespace softmetal::api {

class ComputeEncoder : public Encoder {
 public:
  ComputeEncoder(CommandBuffer* buffer, bool concurrent)
      : Encoder(cls(), buffer, concurrent), concurrent_(concurrent) {}
  static const Class& cls();

 private:
  // compute_encoder.cpp
  void set_pipeline(PipelineState* state);
  void set_buffer(Buffer* buffer, uint64_t offset, uint64_t index);
  void set_buffers(Buffer* const* buffers, const uint64_t* offsets, NS::Range range);
  void set_offset(uint64_t offset, uint64_t index);
  void set_bytes(const void* bytes, uint64_t length, uint64_t index);
  void set_threadgroup_memory(uint64_t length, uint64_t index);
  void barrier(uint64_t scope);
  void barrier_resources(Buffer* const* buffers, uint64_t count);
  void use_resource(Buffer* buffer, uint64_t usage);
  void use_resources(Buffer* const* buffers, uint64_t count, uint64_t usage);
  uint64_t type() { return concurrent_ ? 1 : 0; }

  // compute_dispatch.cpp
  void dispatch_groups(MTL::Size groups, MTL::Size threads);
  void dispatch_threads(MTL::Size grid, MTL::Size threads);
  void dispatch_indirect(Buffer* buffer, uint64_t offset, MTL::Size threads);
  bool check(const char* call, MTL::Size groups, MTL::Size threads);
  bool check_sizes(const char* call, MTL::Size groups, MTL::Size threads);
  bool check_argument(const char* call, const KernelArgument& argument);
  bool check_threadgroup_memory(const char* call);
  DispatchCommand command(MTL::Size groups, MTL::Size threads) const;

  const bool concurrent_;
  std::shared_ptr<Pipeline> pipeline_;
  std::array<Bound, kBufferSlots> buffers_;
  std::array<uint32_t, kThreadgroupSlots> threadgroup_bytes_{};
};

}  // namespace softmetal::api
