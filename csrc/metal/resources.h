// What all executors of a model share: device, kernels and weights.
#pragma once

#include "backend/executor.h"
#include "metal/device.h"
#include "metal/memory.h"
#include "metal/pipelines.h"
#include "metal/residency.h"
#include "metal/weight_buffers.h"

namespace gptoss::metal {

struct Resources {
  // Callers hold a Pool. Weights come before kernels: a model that does not fit is refused before
  // anything is compiled.
  Resources(const Weights& model_weights, Precision model_precision);

  const Weights& weights;
  Precision precision;
  Ref<MTL::Device> device;
  DeviceFacts facts;
  Memory memory;
  Residency residency;  // of the weights
  WeightBuffers buffers;
  Pipelines pipelines;
};

}  // namespace gptoss::metal
