#include "softmetal/api/metal/pipeline.h"

#include <algorithm>
#include <stdexcept>

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

constexpr const char* kDomain = "AGXMetalG13X";  // what Apple's driver calls its own errors

}  // namespace

void PipelineDescriptor::reset() {
  function_ = {};
  max_threads_ = 0;
  multiple_ = false;
  set_label_text("");
}

const Class& PipelineDescriptor::cls() {
  using T = PipelineDescriptor;
  static const Class& cls = *new Class(
      "MTLComputePipelineDescriptor", &Labelled::cls(), create<T>,
      {method<&T::set_function>("setComputeFunction:"), method<&T::function>("computeFunction"),
       method<&T::set_max_threads>("setMaxTotalThreadsPerThreadgroup:"),
       method<&T::max_threads>("maxTotalThreadsPerThreadgroup"),
       method<&T::set_multiple>("setThreadGroupSizeIsMultipleOfThreadExecutionWidth:"),
       method<&T::multiple>("threadGroupSizeIsMultipleOfThreadExecutionWidth"),
       method<&T::set_indirect>("setSupportIndirectCommandBuffers:"), method<&T::reset>("reset")});
  return cls;
}

Pipeline::Pipeline(std::shared_ptr<Program> program, std::string name, ConstantValues constants,
                   uint64_t max_threads)
    : program_(std::move(program)), name_(std::move(name)), constants_(std::move(constants)) {
  kind = "pipeline";
  signature_ = kernel(settings().mode)->signature();
  max_threads_ = std::min<uint64_t>(signature_.max_threads, 1024);
  if (max_threads != 0) max_threads_ = std::min(max_threads_, max_threads);
}

std::shared_ptr<Kernel> Pipeline::kernel(Mode mode) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<Kernel>& kernel = kernels_[static_cast<std::size_t>(mode)];
  if (!kernel) kernel = program_->kernel(name_, constants_, mode);
  return kernel;
}

PipelineState::PipelineState(Device* device, const std::shared_ptr<Pipeline>& pipeline)
    : Resource(cls(), device, pipeline), pipeline_(pipeline) {}

PipelineState* PipelineState::make(Device* device, Function* function, uint64_t max_threads,
                                   const std::string& label, Error** error) {
  if (fault_hits(Fault::pipeline)) {
    set_error(error, kDomain, 2, "Compiler encountered an internal error");
    return nullptr;
  }
  if (fault_hits(Fault::object_allocation)) {
    set_error(error, kDomain, 1, "Insufficient memory for a pipeline");
    return nullptr;
  }
  if (function == nullptr) {
    report({"api", "", "newComputePipelineState", "", "a pipeline is made without a function"});
    set_error(error, kDomain, 3, "computeFunction must not be nil");
    return nullptr;
  }
  try {
    const auto pipeline = std::make_shared<Pipeline>(function->program(), function->name(),
                                                     function->constants(), max_threads);
    pipeline->set_label(label);
    return new PipelineState(device, pipeline);
  } catch (const std::exception& problem) {
    set_error(error, kDomain, 3, problem.what());
    return nullptr;
  }
}

const Class& PipelineState::cls() {
  using T = PipelineState;
  static const Class& cls = *new Class("MTLComputePipelineState", &Resource::cls(), nullptr,
                                       {method<&T::max_threads>("maxTotalThreadsPerThreadgroup"),
                                        method<&T::width>("threadExecutionWidth"),
                                        method<&T::static_memory>("staticThreadgroupMemoryLength"),
                                        method<&T::allocated_size>("allocatedSize")});
  return cls;
}

}  // namespace softmetal::api
