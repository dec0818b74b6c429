// Programs: the modules of a text, and kernels in copies of them.
#include "softmetal/engine/program.h"

#include <map>
#include <mutex>

#include "softmetal/compiler/cache.h"
#include "softmetal/compiler/clang.h"
#include "softmetal/compiler/coverage.h"
#include "softmetal/compiler/module.h"
#include "softmetal/compiler/text.h"
#include "softmetal/engine/compiled_kernel.h"

namespace softmetal {
namespace {

class CompiledProgram : public Program {
 public:
  CompiledProgram(const std::string& source, const CompileOptions& options)
      : source_(source), options_(options) {
    const LoadedModule module(image(Flavour::fast));
    kernels_ = signatures(module.table());
    constants_ = function_constants(module.table());
  }

  const std::vector<KernelSignature>& kernels() const override { return kernels_; }
  const std::vector<FunctionConstant>& constants() const override { return constants_; }

  std::shared_ptr<Kernel> kernel(const std::string& name, const ConstantValues& values,
                                 Mode mode) override {
    const Flavour flavour = mode == Mode::checked ? Flavour::checked
                            : coverage_wanted()   ? Flavour::coverage
                                                  : Flavour::fast;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      if (kernels_[i].name == name)
        return std::make_shared<CompiledKernel>(kernels_[i], i, module(flavour, values),
                                                flavour == Flavour::checked);
    }
    throw std::invalid_argument("there is no kernel '" + name + "' in the program");
  }

 private:
  // The module with these constants; kernels with equal ones share a copy.
  std::shared_ptr<LoadedModule> module(Flavour flavour, const ConstantValues& values) {
    const std::shared_ptr<const std::string> bytes = image(flavour);
    std::lock_guard lock(mutex_);
    std::weak_ptr<LoadedModule>& known = modules_[{flavour, values}];
    if (std::shared_ptr<LoadedModule> module = known.lock()) return module;
    auto module = std::make_shared<LoadedModule>(bytes);
    set_constants(module->table(), values);
    known = module;
    return module;
  }

  std::shared_ptr<const std::string> image(Flavour flavour) {
    std::lock_guard lock(image_mutex_);
    std::shared_ptr<const std::string>& bytes = images_[flavour];
    if (bytes) return bytes;
    std::string key = compiler_identity(flavour) + header_texts() + source_;
    key += options_.fast_math ? "fast" : "safe";
    for (const auto& [name, value] : options_.macros) key += name + "=" + value + ";";
    const auto make = [&](const std::string& target) {
      const TemporaryFile file(".cpp");
      write_file(file.path(), cpp_text(source_, options_));
      const Outcome outcome = build(file.path(), flavour, options_.fast_math, target);
      if (!outcome.ok) throw CompileError(outcome.messages);
    };
    bytes = std::make_shared<const std::string>(cached(content_hash(key) + ".so", make));
    return bytes;
  }

  const std::string source_;
  const CompileOptions options_;
  std::mutex image_mutex_, mutex_;
  std::map<Flavour, std::shared_ptr<const std::string>> images_;
  std::map<std::pair<Flavour, ConstantValues>, std::weak_ptr<LoadedModule>> modules_;
  std::vector<KernelSignature> kernels_;
  std::vector<FunctionConstant> constants_;
};

}  // namespace

std::shared_ptr<Program> Program::compile(const std::string& source,
                                          const CompileOptions& options) {
  return std::make_shared<CompiledProgram>(source, options);
}

}  // namespace softmetal
