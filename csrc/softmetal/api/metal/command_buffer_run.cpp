// MTLCommandBuffer: from commit to the handlers.
#include <chrono>
#include <thread>

#include "softmetal/api/metal/command_buffer.h"
#include "softmetal/api/metal/execution.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

double now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

// As Metal describes its errors.
std::string describe(int code) {
  switch (code) {
    case MTL::CommandBufferErrorInternal:
      return "Internal Error (0000000e:Internal Error)";
    case MTL::CommandBufferErrorTimeout:
      return "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)";
    case MTL::CommandBufferErrorPageFault:
      return "Caused GPU Address Fault Error (0000000b:kIOGPUCommandBufferCallbackErrorPageFault)";
    case MTL::CommandBufferErrorAccessRevoked:
      return "Ignored (for causing prior/excessive GPU errors) "
             "(00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)";
    case MTL::CommandBufferErrorNotPermitted:
      return "Insufficient Permission (to submit GPU work from background) "
             "(00000006:kIOGPUCommandBufferCallbackErrorBackgroundExecutionNotPermitted)";
    case MTL::CommandBufferErrorOutOfMemory:
      return "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)";
    case MTL::CommandBufferErrorDeviceRemoved:
      return "The device was removed";
    default:
      return "Command buffer error " + std::to_string(code);
  }
}

}  // namespace

void CommandBuffer::set_status(uint64_t status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = status;
  changed_.notify_all();
}

void CommandBuffer::take_planted_failure() {
  int code = 0;
  if (fault_hits(Fault::command_buffer_error, &code)) {
    if (code == 0) code = MTL::CommandBufferErrorInternal;
    failure_ = {code, describe(code)};
  }
  if (fault_hits(Fault::device_lost)) {
    code = MTL::CommandBufferErrorDeviceRemoved;
    failure_ = {code, describe(code)};
  }
}

// The first kernel that is given the resource, or nullptr.
const KernelSignature* CommandBuffer::kernel_with(const std::shared_ptr<Lifetime>& resource) const {
  for (const Command& command : commands_) {
    const auto* dispatch = std::get_if<DispatchCommand>(&command);
    if (dispatch == nullptr) continue;
    for (const Bound& bound : dispatch->buffers) {
      if (bound.memory == resource) return &dispatch->pipeline->signature();
    }
  }
  return nullptr;
}

void CommandBuffer::check_references() {
  for (const std::shared_ptr<Lifetime>& use : uses_) {
    ++use->pending;
    if (!use->released) continue;
    const KernelSignature* kernel = kernel_with(use);
    const std::string party =
        kernel == nullptr ? "a command" : "a dispatch of " + kernel->described();
    report({"use-after-release", kernel == nullptr ? "" : kernel->name, party, use->name(),
            use->name() + " was destroyed before the command buffer of " + party +
                ", which uses it, was committed"});
    invalidate(use->name() + " was destroyed");
  }
}

std::vector<std::shared_ptr<Memory>> CommandBuffer::residents() const {
  std::vector<std::shared_ptr<Memory>> result;
  for (const Ref<ResidencySet>& set : sets_) {
    for (auto& memory : set->resident()) result.push_back(std::move(memory));
  }
  return result;
}

void CommandBuffer::execute() {
  set_status(MTL::CommandBufferStatusScheduled);
  for (const Handler& handler : scheduled_) handler(this);
  gpu_start_ = now();
  const Settings current = settings();
  if (failure_.code == 0) {
    Execution execution(id_, current, mode_ == Mode::checked, residents());
    failure_ = execution.run(commands_);
  }
  if (current.slowdown_us > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(current.slowdown_us));
  }
  gpu_end_ = now();
  finish();
}

void CommandBuffer::finish() {
  for (const std::shared_ptr<Lifetime>& use : uses_) --use->pending;
  const bool failed = failure_.code != 0;
  if (mode_ == Mode::checked) checker().command_buffer_finished(id_);
  Ref<Error> error;
  if (failed) {
    error =
        Ref<Error>::adopt(new Error("MTLCommandBufferErrorDomain", failure_.code, failure_.text));
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = error;
    status_ = failed ? MTL::CommandBufferStatusError : MTL::CommandBufferStatusCompleted;
  }
  if (mode_ == Mode::checked && !completed_.empty()) checker().completion_seen(id_);
  for (const Handler& handler : completed_) handler(this);
  scheduled_.clear();
  completed_.clear();
  commands_.clear();
  uses_.clear();
  retained_.clear();
  sets_.clear();
  queue_->thread()->end_buffer();
  const std::lock_guard<std::mutex> lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

}  // namespace softmetal::api
