// A model: weights, read-only and shared, and the backend that computes with them.
#pragma once

#include <memory>
#include <string>

#include "backend/executor.h"
#include "cpu/machine.h"
#include "model/weights.h"

namespace gptoss {

namespace metal {
class MetalBackend;
}

struct ModelOptions {
  Precision precision = Precision::normal;
  int threads = 0;              // of the CPU backend; 0 = one per processor
  std::string isa;              // CPU instruction set; empty = the best this processor has
  std::string backend = "cpu";  // or "metal", where it was built in
};

class Model {
 public:
  // Maps and validates the file; reads no weights yet. Throws Error.
  Model(const std::string& path, const ModelOptions& options);
  ~Model();

  const Weights& weights() const { return weights_; }
  const Config& config() const { return weights_.config(); }
  Precision precision() const { return machine_.precision; }
  const char* isa() const { return machine_.kernels.isa; }
  int threads() const { return pool_.threads(); }
  const char* backend() const { return metal_ ? "metal" : "cpu"; }
  // The GPU's name; empty on the CPU.
  std::string device() const;

  std::unique_ptr<Executor> make_executor(int context, int chunk) const;

 private:
  Weights weights_;
  mutable cpu::ThreadPool pool_;  // one thread, the caller's, with Metal
  cpu::Machine machine_;
  std::unique_ptr<metal::MetalBackend> metal_;
};

}  // namespace gptoss
