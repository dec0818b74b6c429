#include "metal/pipelines.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "metal/args.h"
#include "metal/failure.h"

namespace gptoss::metal {

namespace {

constexpr const char* kRemedy =
    "`gptoss-metal selftest`, this message in an issue, and backend=\"cpu\" until it is answered";

// Results of pipelines that Metal makes on its own threads.
class Requests {
 public:
  struct Result {
    Kernel kernel;
    Ref<MTL::ComputePipelineState> state;
    std::string words;  // of the error, if any
  };

  // Waits for what was asked for, whatever happens: the handlers write here.
  ~Requests() { wait(); }

  void ask(MTL::Device* device, const MTL::ComputePipelineDescriptor* descriptor, Kernel kernel) {
    {
      const std::lock_guard lock(mutex_);
      ++open_;
    }
    device->newComputePipelineState(
        descriptor, MTL::PipelineOptionNone,
        MTL::NewComputePipelineStateWithReflectionCompletionHandlerFunction(
            [this, kernel](MTL::ComputePipelineState* state, MTL::ComputePipelineReflection*,
                           NS::Error* error) {
              const Pool pool;
              Result result{kernel, retained(state), words_of(error)};
              const std::lock_guard lock(mutex_);
              results_.push_back(std::move(result));
              --open_;
              done_.notify_all();
            }));
  }

  const std::vector<Result>& wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return open_ == 0; });
    return results_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int open_ = 0;
  std::vector<Result> results_;
};

Ref<MTL::ComputePipelineDescriptor> describe(const KernelInfo& kernel, MTL::Function* function) {
  Ref<MTL::ComputePipelineDescriptor> descriptor =
      owned(MTL::ComputePipelineDescriptor::alloc()->init());
  descriptor->setComputeFunction(function);
  descriptor->setLabel(ns_string(kernel.name).get());
  descriptor->setMaxTotalThreadsPerThreadgroup(kernel.threads);
  // Every kernel's threadgroup is whole simdgroups.
  descriptor->setThreadGroupSizeIsMultipleOfThreadExecutionWidth(kernel.threads % 32 == 0);
  return descriptor;
}

void check(const KernelInfo& kernel, const Requests::Result& result) {
  const auto& state = result.state;
  const bool fits = state && state->maxTotalThreadsPerThreadgroup() >= kernel.threads &&
                    state->threadExecutionWidth() == 32;
  if (fits) return;
  const std::string size = std::to_string(kernel.threads) + " threads in simdgroups of 32";
  throw failure(std::string("the kernel ") + kernel.name + " makes no pipeline for " + size +
                    (result.words.empty() ? "" : ": " + result.words),
                kRemedy);
}

}  // namespace

Pipelines::Pipelines(MTL::Device* device, Ref<MTL::Library> library, const Constants& constants)
    : device_(device), library_(std::move(library)), constants_(constants) {}

Ref<MTL::Function> Pipelines::function(Kernel kernel) const {
  const Ref<MTL::FunctionConstantValues> values =
      owned(MTL::FunctionConstantValues::alloc()->init());
  values->setConstantValue(&constants_.dense_q8, MTL::DataTypeBool,
                           NS::UInteger{GPTOSS_CONSTANT_DENSE_Q8});
  values->setConstantValue(&constants_.exact, MTL::DataTypeBool,
                           NS::UInteger{GPTOSS_CONSTANT_EXACT});
  const char* name = info(kernel).name;
  NS::Error* error = nullptr;
  Ref<MTL::Function> function =
      owned(library_->newFunction(ns_string(name).get(), values.get(), &error));
  if (!function) {
    throw failure(std::string("the library has no kernel ") + name + ": " + words_of(error),
                  kRemedy);
  }
  return function;
}

void Pipelines::make(std::span<const Kernel> kernels) {
  Requests requests;
  for (const Kernel kernel : kernels) {
    if (get(kernel) != nullptr) continue;
    const Ref<MTL::Function> made = function(kernel);
    const auto descriptor = describe(info(kernel), made.get());
    requests.ask(device_, descriptor.get(), kernel);
  }
  for (const Requests::Result& result : requests.wait()) {
    check(info(result.kernel), result);
    states_[static_cast<size_t>(result.kernel)] = result.state;
  }
}

void Pipelines::make_all() {
  std::array<Kernel, kKernels> kernels;
  for (size_t i = 0; i < kKernels; ++i) kernels[i] = static_cast<Kernel>(i);
  make(kernels);
}

}  // namespace gptoss::metal
