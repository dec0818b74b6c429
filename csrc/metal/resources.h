// What all executors of a model share: device, kernels, weights, and the count of cache bytes.
#pragma once

#include <atomic>

#include "backend/kv_shape.h"
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
  KvShape kv;
  std::atomic<uint64_t> cache_bytes{0};  // of pages, rings and window states, of all sequences
  Ref<MTL::Device> device;
  DeviceFacts facts;
  Memory memory;
  Residency residency;  // of the weights
  WeightBuffers buffers;
  Pipelines pipelines;
};

}  // namespace gptoss::metal
