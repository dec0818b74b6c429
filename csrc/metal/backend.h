// The Metal backend of one model, as the runtime sees it. Needs no Metal header.
#pragma once

#include <memory>

#include "backend/executor.h"
#include "metal/device_facts.h"
#include "model/weights.h"

namespace gptoss::metal {

class MetalBackend {
 public:
  // `weights` must outlive it. Throws Error when there is no device, a kernel does not compile or
  // the weights do not fit.
  static std::unique_ptr<MetalBackend> open(const Weights& weights, Precision precision);
  virtual ~MetalBackend() = default;

  virtual const DeviceFacts& facts() const = 0;
  // The backend must outlive the executor.
  virtual std::unique_ptr<Executor> make_executor(int context, int chunk) = 0;
};

}  // namespace gptoss::metal
