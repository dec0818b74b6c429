// MTLComputePipelineDescriptor and MTLComputePipelineState.
#pragma once

#include <Metal/MTLTypes.hpp>
#include <array>

#include "softmetal/api/metal/library.h"

namespace softmetal::api {

class PipelineDescriptor : public Labelled {
 public:
  PipelineDescriptor() : Labelled(cls()) {}
  Object* copy() override { return new PipelineDescriptor(*this); }
  Function* function() { return function_.get(); }
  uint64_t max_threads() { return max_threads_; }
  static const Class& cls();

 private:
  void set_function(Function* function) { function_ = Ref<Function>::share(function); }
  void set_max_threads(uint64_t threads) { max_threads_ = threads; }
  void set_multiple(bool on) { multiple_ = on; }
  bool multiple() { return multiple_; }
  void set_indirect(bool) {}
  void reset();

  Ref<Function> function_;
  uint64_t max_threads_ = 0;
  bool multiple_ = false;
};

// A function ready to run; lives as long as the state object or a command that uses it. The kernel
// is made for the mode that is asked for first, and for the other when that is wanted too.
class Pipeline : public Lifetime {
 public:
  Pipeline(std::shared_ptr<Program> program, std::string name, ConstantValues constants,
           uint64_t max_threads);
  // Throws std::runtime_error or std::invalid_argument with the compiler's words.
  std::shared_ptr<Kernel> kernel(Mode mode);
  const KernelSignature& signature() const { return signature_; }
  uint64_t max_threads() const { return max_threads_; }

 private:
  std::shared_ptr<Program> program_;
  std::string name_;
  ConstantValues constants_;
  KernelSignature signature_;
  uint64_t max_threads_;
  std::mutex mutex_;
  std::array<std::shared_ptr<Kernel>, 2> kernels_;  // by Mode
};

class PipelineState : public Resource {
 public:
  PipelineState(Device* device, const std::shared_ptr<Pipeline>& pipeline);
  const std::shared_ptr<Pipeline>& pipeline() const { return pipeline_; }
  static const Class& cls();

  // nullptr and an error if the function does not compile; `label` may be nil.
  static PipelineState* make(Device* device, Function* function, uint64_t max_threads,
                             const std::string& label, Error** error);

 private:
  uint64_t max_threads() { return pipeline_->max_threads(); }
  uint64_t width() { return 32; }
  uint64_t static_memory() { return 0; }
  uint64_t allocated_size() { return 0; }

  std::shared_ptr<Pipeline> pipeline_;
};

}  // namespace softmetal::api
