#include "runtime/model.h"

#include "cpu/executor.h"

namespace gptoss {

Model::Model(const std::string& path, const ModelOptions& options)
    : weights_(path),
      pool_(options.threads),
      machine_{cpu::select_kernels(options.isa.c_str()), pool_, options.precision} {}

std::unique_ptr<Executor> Model::make_executor(int context, int chunk) const {
  return std::make_unique<cpu::CpuExecutor>(weights_, machine_, context, chunk);
}

}  // namespace gptoss
