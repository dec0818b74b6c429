// A model: weights, read-only and shared, and the backend that computes with them.
#pragma once

#include <memory>
#include <string>

#include "backend/executor.h"
#include "cpu/machine.h"
#include "model/weights.h"

namespace gptoss {

struct ModelOptions {
  Precision precision = Precision::normal;
  int threads = 0;  // 0 = one per processor
  std::string isa;  // CPU instruction set; empty = the best this processor has
};

class Model {
 public:
  // Maps and validates the file; reads no weights yet. Throws Error.
  Model(const std::string& path, const ModelOptions& options);

  const Weights& weights() const { return weights_; }
  const Config& config() const { return weights_.config(); }
  Precision precision() const { return machine_.precision; }
  const char* isa() const { return machine_.kernels.isa; }
  int threads() const { return pool_.threads(); }

  std::unique_ptr<Executor> make_executor(int context, int chunk) const;

 private:
  Weights weights_;
  mutable cpu::ThreadPool pool_;
  cpu::Machine machine_;
};

}  // namespace gptoss
