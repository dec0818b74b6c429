#include "metal/command_stream.h"

#include <deque>

#include "metal/failure.h"

namespace gptoss::metal {

namespace {

constexpr size_t kInFlight = 2;

// Ends the encoding on every way out: Metal allows no encoder to go before that.
class Encoder {
 public:
  explicit Encoder(MTL::CommandBuffer* command_buffer)
      : encoder_(retained(command_buffer->computeCommandEncoder(MTL::DispatchTypeConcurrent))) {
    if (!encoder_) throw object_failure("command encoder");
  }
  ~Encoder() { encoder_->endEncoding(); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  MTL::ComputeCommandEncoder* get() const { return encoder_.get(); }

 private:
  Ref<MTL::ComputeCommandEncoder> encoder_;
};

// Command buffers that the GPU has not finished. On every way out they are waited for: they use
// buffers without holding them.
class InFlight {
 public:
  explicit InFlight(uint64_t working_set) : working_set_(working_set) {}
  ~InFlight() {
    for (const auto& command_buffer : command_buffers_) command_buffer->waitUntilCompleted();
  }

  void add(Ref<MTL::CommandBuffer> command_buffer) {
    command_buffers_.push_back(std::move(command_buffer));
  }

  // Waits until at most `count` are left. Throws Error when one of the others has failed.
  void wait_down_to(size_t count) {
    while (command_buffers_.size() > count) {
      const Ref<MTL::CommandBuffer> oldest = command_buffers_.front();
      oldest->waitUntilCompleted();
      command_buffers_.pop_front();
      if (oldest->status() != MTL::CommandBufferStatusCompleted) {
        throw command_failure(oldest->error(), working_set_);
      }
    }
  }

 private:
  uint64_t working_set_;
  std::deque<Ref<MTL::CommandBuffer>> command_buffers_;
};

void dispatch(const Step& step, const Pipelines& pipelines, MTL::ComputeCommandEncoder* encoder) {
  const KernelInfo& kernel = info(step.kernel);
  encoder->setComputePipelineState(pipelines.get(step.kernel));
  encoder->setBytes(step.args.data(), kernel.args_bytes, 0);
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const Slice& slice = step.buffers[i];
    encoder->setBuffer(slice.buffer, slice.offset, kernel.parameters[i].index);
  }
  if (kernel.threadgroup_bytes > 0) {
    encoder->setThreadgroupMemoryLength(kernel.threadgroup_bytes, 0);
  }
  const Groups groups = kernel.groups(step.args.data(), step.count);
  encoder->dispatchThreadgroups(MTL::Size(groups.x, groups.y, groups.z),
                                MTL::Size(kernel.threads, 1, 1));
}

void encode(std::span<const Step> steps, const Pipelines& pipelines,
            MTL::ComputeCommandEncoder* encoder) {
  Hazards hazards;
  for (const Step& step : steps) {
    if (hazards.conflicts(step)) {
      encoder->memoryBarrier(MTL::BarrierScopeBuffers);
      hazards.clear();
    }
    hazards.add(step);
    dispatch(step, pipelines, encoder);
  }
}

}  // namespace

CommandStream::CommandStream(MTL::Device* device, const ResidencyList& residency)
    : working_set_(device->recommendedMaxWorkingSetSize()),
      residency_(residency),
      queue_(owned(device->newCommandQueue())),
      fence_(owned(device->newFence())) {
  if (!queue_) throw object_failure("command queue");
  if (!fence_) throw object_failure("fence");
  queue_->setLabel(ns_string("gptoss-metal").get());
}

void CommandStream::attach_residency() {
  for (size_t i = 0; i < residency_.size(); ++i) {
    if (residency_[i] == nullptr) continue;
    while (attached_[i] < residency_[i]->sets())
      residency_[i]->attach(queue_.get(), attached_[i]++);
  }
}

void CommandStream::run(const Plan& plan, const Pipelines& pipelines,
                        const std::atomic<bool>& cancelled) {
  attach_residency();
  InFlight in_flight(working_set_);
  const std::vector<Step>& steps = plan.steps();
  for (size_t next = 0; next < steps.size();) {
    in_flight.wait_down_to(kInFlight - 1);
    if (cancelled.load(std::memory_order_relaxed)) {
      in_flight.wait_down_to(0);
      throw Cancelled();
    }
    const size_t end = command_buffer_end(steps, next);
    in_flight.add(submit(std::span(steps).subspan(next, end - next), next == 0, end == steps.size(),
                         pipelines));
    next = end;
  }
  in_flight.wait_down_to(0);
}

Ref<MTL::CommandBuffer> CommandStream::submit(std::span<const Step> steps, bool first, bool last,
                                              const Pipelines& pipelines) {
  const Pool pool;
  Ref<MTL::CommandBuffer> command_buffer =
      retained(queue_->commandBufferWithUnretainedReferences());
  if (!command_buffer) throw object_failure("command buffer");
  {
    const Encoder encoder(command_buffer.get());
    use_indirect(encoder.get());
    if (!first) encoder.get()->waitForFence(fence_.get());
    encode(steps, pipelines, encoder.get());
    if (!last) encoder.get()->updateFence(fence_.get());
  }
  command_buffer->commit();
  return command_buffer;
}

void CommandStream::use_indirect(MTL::ComputeCommandEncoder* encoder) const {
  for (const Residency* residency : residency_) {
    if (residency == nullptr || residency->indirect().empty()) continue;
    encoder->useResources(residency->indirect().data(), residency->indirect().size(),
                          MTL::ResourceUsageRead | MTL::ResourceUsageWrite);
  }
}

}  // namespace gptoss::metal
