// A kernel of a loaded module, as the engine runs it.
#pragma once

#include <memory>
#include <utility>

#include "softmetal/compiler/module.h"
#include "softmetal/engine/program.h"

namespace softmetal {

class CompiledKernel : public Kernel {
 public:
  CompiledKernel(KernelSignature signature, size_t index, std::shared_ptr<LoadedModule> module,
                 bool checked)
      : signature_(std::move(signature)),
        module_(std::move(module)),
        launch_(module_->table().kernels[index].launch),
        checked_(checked) {}

  const KernelSignature& signature() const override { return signature_; }
  SourceLine line_of(uintptr_t pc) const override { return module_->line_of(pc); }
  const LoadedModule& module() const { return *module_; }
  auto launch() const { return launch_; }
  bool checked() const { return checked_; }

 private:
  KernelSignature signature_;
  std::shared_ptr<LoadedModule> module_;
  void (*launch_)(const abi::Group*, const abi::Fiber*);
  bool checked_;
};

}  // namespace softmetal
