// What the forward pass runs on: kernels for this processor, threads, and each thread's scratch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace gptoss::cpu {

constexpr int kTileRows = 96;  // the most rows of a matrix that one item of work covers

// Some rows of a matrix.
struct RowRange {
  int first;
  int count;
};

// A matrix divided into tiles.
struct Tiles {
  int rows;  // of the matrix
  int each;  // of a tile but the last, a multiple of 32
  int64_t count() const { return (rows + each - 1) / each; }
  RowRange at(int64_t tile) const {
    const int first = static_cast<int>(tile) * each;
    return {first, std::min(each, rows - first)};
  }
};

struct Machine {
  const Kernels& kernels;
  ThreadPool& pool;
  Precision precision;

  // How matrices that are stored so are multiplied.
  const Product& product(Storage storage) const {
    const auto& products = precision == Precision::exact ? kernels.exact : kernels.integer;
    return products[static_cast<int>(storage)];
  }

  // How matrices that are one job are divided into items of work. Long tiles are read faster, the
  // more so where experts take turns; but threads that run out of them wait for the last, so each
  // is to have eight at least.
  Tiles tiles(int rows, size_t matrices = 1) const {
    const bool many = rows * matrices >= size_t{8} * kTileRows * pool.threads();
    return {rows, many ? kTileRows : kTileRows / 3};
  }
};

// Scratch of one thread, grown on demand.
struct Scratch {
  Buffer<float> panel;   // unpacked weights [kPanelRows, cols]
  Buffer<float> result;  // [tokens, kTileRows]
};

using ScratchSet = std::vector<Scratch>;  // [threads]

}  // namespace gptoss::cpu
