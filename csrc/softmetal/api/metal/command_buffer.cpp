#include "softmetal/api/metal/command_buffer.h"

#include "softmetal/api/metal/blit_encoder.h"
#include "softmetal/api/metal/compute_encoder.h"
#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

void misuse(const char* call, const std::string& what) {
  const std::string name = std::string("-[MTLCommandBuffer ") + call + "]";
  report({"api", "", name, "", name + ": " + what});
}

}  // namespace

const Class& CommandBufferDescriptor::cls() {
  using T = CommandBufferDescriptor;
  static const Class& cls = *new Class("MTLCommandBufferDescriptor", &Object::cls(), create<T>,
                                       {method<&T::set_retained>("setRetainedReferences:"),
                                        method<&T::retained>("retainedReferences"),
                                        method<&T::set_error_options>("setErrorOptions:"),
                                        method<&T::error_options>("errorOptions")});
  return cls;
}

CommandBuffer::CommandBuffer(CommandQueue* queue, bool retained)
    : Labelled(cls()),
      queue_(Ref<CommandQueue>::share(queue)),
      id_(next_id()),
      retained_references_(retained) {}

CommandBuffer::~CommandBuffer() {
  if (done_) return;
  queue_->thread()->forget(this);
  queue_->thread()->end_buffer();
}

bool CommandBuffer::may_encode(const char* call) {
  if (status_ >= MTL::CommandBufferStatusCommitted) {
    misuse(call, "the command buffer is already committed");
    return false;
  }
  if (open_ == nullptr) return true;
  misuse(call, "another encoder of the command buffer is still open");
  return false;
}

void CommandBuffer::begin(Encoder* encoder) {
  open_ = encoder;
  encoder->autorelease();
}

Object* CommandBuffer::compute_encoder() { return compute_encoder_of(MTL::DispatchTypeSerial); }

Object* CommandBuffer::compute_encoder_of(uint64_t type) {
  if (fault_hits(Fault::object_allocation)) return nullptr;
  if (!may_encode("computeCommandEncoderWithDispatchType:")) return nullptr;
  auto* encoder = new ComputeEncoder(this, type == MTL::DispatchTypeConcurrent);
  begin(encoder);
  return encoder;
}

Object* CommandBuffer::compute_encoder_with(Object*) { return compute_encoder(); }

Object* CommandBuffer::blit_encoder() {
  if (fault_hits(Fault::object_allocation)) return nullptr;
  if (!may_encode("blitCommandEncoder")) return nullptr;
  auto* encoder = new BlitEncoder(this);
  begin(encoder);
  return encoder;
}

void CommandBuffer::encoder_ended(Encoder* encoder) {
  if (open_ == encoder) open_ = nullptr;
}

void CommandBuffer::use(Resource* resource) {
  const bool first = uses_.insert(resource->lifetime()).second;
  if (first && retained_references_) retained_.push_back(Ref<Object>::share(resource));
}

void CommandBuffer::invalidate(const std::string& why) {
  if (failure_.code == 0) failure_ = {MTL::CommandBufferErrorInvalidResource, why};
}

void CommandBuffer::enqueue() {
  if (status_ != MTL::CommandBufferStatusNotEnqueued) return misuse("enqueue", "it is enqueued");
  set_status(MTL::CommandBufferStatusEnqueued);
  queue_->thread()->enqueue(this);
}

void CommandBuffer::commit() {
  if (status_ >= MTL::CommandBufferStatusCommitted) {
    return misuse("commit", "the command buffer is already committed");
  }
  if (open_ != nullptr) {
    misuse("commit", "an encoder of the command buffer is still open");
    invalidate("it was committed with an open encoder");
  }
  set_status(MTL::CommandBufferStatusCommitted);
  count_command_buffer();
  mode_ = settings().mode;
  take_planted_failure();
  check_references();
  for (const auto& set : queue_->residency_sets()) sets_.push_back(set);
  if (mode_ == Mode::checked) checker().command_buffer_committed(queue_->id(), id_);
  queue_->thread()->commit(this);
}

void CommandBuffer::wait_completed() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (status_ < MTL::CommandBufferStatusCommitted) {
    return misuse("waitUntilCompleted", "the command buffer is not committed");
  }
  changed_.wait(lock, [&] { return done_; });
  lock.unlock();
  if (mode_ == Mode::checked) checker().completion_seen(id_);
}

void CommandBuffer::wait_scheduled() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (status_ < MTL::CommandBufferStatusCommitted) {
    return misuse("waitUntilScheduled", "the command buffer is not committed");
  }
  changed_.wait(lock, [&] { return status_ >= MTL::CommandBufferStatusScheduled; });
}

uint64_t CommandBuffer::status() {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t status = status_;
  lock.unlock();
  if (status >= MTL::CommandBufferStatusCompleted && mode_ == Mode::checked) {
    checker().completion_seen(id_);
  }
  return status;
}

Error* CommandBuffer::error() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return error_.get();
}

void CommandBuffer::add_completed(const void* handler) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status_ >= MTL::CommandBufferStatusCommitted) {
    return misuse("addCompletedHandler:", "the command buffer is already committed");
  }
  completed_.emplace_back(handler);
}

void CommandBuffer::add_scheduled(const void* handler) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status_ >= MTL::CommandBufferStatusCommitted) {
    return misuse("addScheduledHandler:", "the command buffer is already committed");
  }
  scheduled_.emplace_back(handler);
}

void CommandBuffer::signal_event(Event* event, uint64_t value) {
  if (!may_encode("encodeSignalEvent:value:")) return;
  use(event);
  record(EventSignal{event->value(), value});
}

void CommandBuffer::wait_event(Event* event, uint64_t value) {
  if (!may_encode("encodeWaitForEvent:value:")) return;
  use(event);
  record(EventWait{event->value(), value});
}

void CommandBuffer::use_set(ResidencySet* set) { sets_.push_back(Ref<ResidencySet>::share(set)); }

void CommandBuffer::use_sets(ResidencySet* const* sets, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) use_set(sets[i]);
}

Device* CommandBuffer::device() { return queue_->device(); }

const Class& CommandBuffer::cls() {
  using T = CommandBuffer;
  static const Class& cls =
      *new Class("MTLCommandBuffer", &Labelled::cls(), nullptr,
                 {method<&T::compute_encoder>("computeCommandEncoder"),
                  method<&T::compute_encoder_of>("computeCommandEncoderWithDispatchType:"),
                  method<&T::compute_encoder_with>("computeCommandEncoderWithDescriptor:"),
                  method<&T::blit_encoder>("blitCommandEncoder"),
                  method<&T::enqueue>("enqueue"),
                  method<&T::commit>("commit"),
                  method<&T::wait_completed>("waitUntilCompleted"),
                  method<&T::wait_scheduled>("waitUntilScheduled"),
                  method<&T::status>("status"),
                  method<&T::error>("error"),
                  method<&T::add_completed>("addCompletedHandler:"),
                  method<&T::add_scheduled>("addScheduledHandler:"),
                  method<&T::gpu_start>("GPUStartTime"),
                  method<&T::gpu_end>("GPUEndTime"),
                  method<&T::gpu_start>("kernelStartTime"),
                  method<&T::gpu_end>("kernelEndTime"),
                  method<&T::signal_event>("encodeSignalEvent:value:"),
                  method<&T::wait_event>("encodeWaitForEvent:value:"),
                  method<&T::use_set>("useResidencySet:", 15),
                  method<&T::use_sets>("useResidencySets:count:", 15),
                  method<&T::retained>("retainedReferences"),
                  method<&T::error_options>("errorOptions"),
                  method<&T::queue>("commandQueue"),
                  method<&T::device>("device"),
                  method<&T::push_group>("pushDebugGroup:"),
                  method<&T::pop_group>("popDebugGroup")});
  return cls;
}

}  // namespace softmetal::api
