#include "softmetal/api/metal/compute_encoder.h"

#include "softmetal/state.h"

namespace softmetal::api {

void ComputeEncoder::set_pipeline(PipelineState* state) {
  constexpr const char* kCall = "setComputePipelineState:";
  if (!open(kCall) || !usable(state, kCall, "pipeline")) return;
  use(state);
  pipeline_ = state->pipeline();
}

void ComputeEncoder::set_buffer(Buffer* buffer, uint64_t offset, uint64_t index) {
  constexpr const char* kCall = "setBuffer:offset:atIndex:";
  if (!open(kCall)) return;
  if (index >= kBufferSlots) {
    return refuse("api", kCall, "index " + std::to_string(index) + " is not below 31");
  }
  buffers_[index] = {};
  if (buffer == nullptr || !usable(buffer, kCall, "buffer")) return;
  if (offset >= buffer->memory()->bytes) {
    return refuse("api", kCall,
                  "offset " + std::to_string(offset) + " is outside " + buffer->memory()->name());
  }
  use(buffer);
  buffers_[index].memory = buffer->memory();
  buffers_[index].offset = offset;
}

void ComputeEncoder::set_buffers(Buffer* const* buffers, const uint64_t* offsets, NS::Range range) {
  for (uint64_t i = 0; i < range.length; ++i) {
    set_buffer(buffers[i], offsets[i], range.location + i);
  }
}

void ComputeEncoder::set_offset(uint64_t offset, uint64_t index) {
  constexpr const char* kCall = "setBufferOffset:atIndex:";
  if (!open(kCall)) return;
  if (index >= kBufferSlots || !buffers_[index].memory) {
    return refuse("api", kCall, "no buffer is bound at index " + std::to_string(index));
  }
  if (offset >= buffers_[index].memory->bytes) {
    return refuse(
        "api", kCall,
        "offset " + std::to_string(offset) + " is outside " + buffers_[index].memory->name());
  }
  buffers_[index].offset = offset;
}

void ComputeEncoder::set_bytes(const void* bytes, uint64_t length, uint64_t index) {
  constexpr const char* kCall = "setBytes:length:atIndex:";
  if (!open(kCall)) return;
  if (index >= kBufferSlots || bytes == nullptr || length == 0 || length > 4096) {
    return refuse("api", kCall,
                  "index " + std::to_string(index) + ", length " + std::to_string(length) +
                      ": an index below 31 and 1 to 4096 bytes are allowed");
  }
  buffers_[index] = {};
  buffers_[index].bytes = std::make_shared<InlineBytes>(bytes, length);
}

void ComputeEncoder::set_threadgroup_memory(uint64_t length, uint64_t index) {
  constexpr const char* kCall = "setThreadgroupMemoryLength:atIndex:";
  if (!open(kCall)) return;
  const uint64_t most = settings().max_threadgroup_memory;
  if (index >= kThreadgroupSlots || length % 16 != 0 || length > most) {
    return refuse("threadgroup-memory", kCall,
                  std::to_string(length) + " bytes at index " + std::to_string(index) +
                      ": a multiple of 16 up to " + std::to_string(most) + " is allowed",
                  pipeline_ ? &pipeline_->signature() : nullptr, "the device's limit");
  }
  threadgroup_bytes_[index] = static_cast<uint32_t>(length);
}

void ComputeEncoder::barrier(uint64_t scope) {
  if (!open("memoryBarrierWithScope:") || fault_hits(Fault::ignore_barrier)) return;
  count_encoder_barrier();
  if ((scope & MTL::BarrierScopeBuffers) != 0) record(BarrierCommand{id(), true, {}});
}

void ComputeEncoder::barrier_resources(Buffer* const* buffers, uint64_t count) {
  constexpr const char* kCall = "memoryBarrierWithResources:count:";
  if (!open(kCall) || fault_hits(Fault::ignore_barrier)) return;
  count_encoder_barrier();
  BarrierCommand command{id(), false, {}};
  for (uint64_t i = 0; i < count; ++i) {
    if (!usable(buffers[i], kCall, "buffer")) return;
    command.resources.push_back(buffers[i]->memory()->data);
  }
  record(std::move(command));
}

void ComputeEncoder::use_resource(Buffer* buffer, uint64_t usage) {
  use_resources(&buffer, 1, usage);
}

void ComputeEncoder::use_resources(Buffer* const* buffers, uint64_t count, uint64_t usage) {
  constexpr const char* kCall = "useResources:count:usage:";
  if (!open(kCall)) return;
  for (uint64_t i = 0; i < count; ++i) {
    if (!usable(buffers[i], kCall, "buffer")) return;
    use(buffers[i]);
    record(UseResource{id(), buffers[i]->memory(), (usage & MTL::ResourceUsageWrite) != 0});
  }
}

const Class& ComputeEncoder::cls() {
  using T = ComputeEncoder;
  static const Class& cls = *new Class(
      "MTLComputeCommandEncoder", &Encoder::cls(), nullptr,
      {method<&T::set_pipeline>("setComputePipelineState:"),
       method<&T::set_buffer>("setBuffer:offset:atIndex:"),
       method<&T::set_buffers>("setBuffers:offsets:withRange:"),
       method<&T::set_offset>("setBufferOffset:atIndex:"),
       method<&T::set_bytes>("setBytes:length:atIndex:"),
       method<&T::set_threadgroup_memory>("setThreadgroupMemoryLength:atIndex:"),
       method<&T::dispatch_groups>("dispatchThreadgroups:threadsPerThreadgroup:"),
       method<&T::dispatch_threads>("dispatchThreads:threadsPerThreadgroup:"),
       method<&T::dispatch_indirect>(
           "dispatchThreadgroupsWithIndirectBuffer:indirectBufferOffset:threadsPerThreadgroup:"),
       method<&T::barrier>("memoryBarrierWithScope:"),
       method<&T::barrier_resources>("memoryBarrierWithResources:count:"),
       method<&T::use_resource>("useResource:usage:"),
       method<&T::use_resources>("useResources:count:usage:"), method<&T::type>("dispatchType")});
  return cls;
}

}  // namespace softmetal::api
