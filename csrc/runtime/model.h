// A model: weights, read-only and shared, and the backend that computes with them.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"
#include "model/weights.h"

namespace gptoss {

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

  const Weights& weights() const { return weights_; }
  const Config& config() const { return weights_.config(); }
  Precision precision() const { return precision_; }
  Backend& backend() const { return *backend_; }

  // What a session that holds `tokens` takes of backend().cache_bytes(), with the given chunk.
  // Throws Error.
  uint64_t session_bytes(int tokens, int chunk) const;

 private:
  Weights weights_;
  Precision precision_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace gptoss
