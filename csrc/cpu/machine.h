// What the forward pass runs on: kernels for this processor, threads, and each thread's scratch.
#pragma once

#include <vector>

#include "backend/backend.h"
#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace gptoss::cpu {

constexpr int kTileRows = 32;  // rows of a matrix that one item of work covers

// Up to this many tokens a matrix is multiplied straight from its stored form; from there on,
// unpacking it once is cheaper. Results are the same bits.
constexpr int kDirectTokens = 8;

struct Machine {
  const Kernels& kernels;
  ThreadPool& pool;
  Precision precision;
};

// Scratch of one thread, grown on demand.
struct Scratch {
  Buffer<float> panel;   // unpacked weights [kTileRows, cols]
  Buffer<float> result;  // [tokens, kTileRows]
};

using ScratchSet = std::vector<Scratch>;  // [threads]

}  // namespace gptoss::cpu
