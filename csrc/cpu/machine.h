// What the forward pass runs on: kernels for this processor, threads, and each thread's scratch.
#pragma once

#include <vector>

#include "backend/backend.h"
#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace gptoss::cpu {

constexpr int kTileRows = 32;  // rows of a matrix that one item of work covers

struct Machine {
  const Kernels& kernels;
  ThreadPool& pool;
  Precision precision;

  // How matrices that are stored so are multiplied.
  const Product& product(Storage storage) const {
    const auto& products = precision == Precision::exact ? kernels.exact : kernels.integer;
    return products[static_cast<int>(storage)];
  }
};

// Scratch of one thread, grown on demand.
struct Scratch {
  Buffer<float> panel;   // unpacked weights [kTileRows, cols]
  Buffer<float> result;  // [tokens, kTileRows]
};

using ScratchSet = std::vector<Scratch>;  // [threads]

}  // namespace gptoss::cpu
