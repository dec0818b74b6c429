// Buffers for the values between kernels. They grow to what a forward pass needs: decoding alone
// never pays for prefill.
#pragma once

#include <array>
#include <cstdint>

#include "metal/memory.h"
#include "metal/residency.h"
#include "model/config.h"

namespace gptoss::metal {

// Tokens are rows of every area; see scratch.cpp for their widths.
enum class Area : uint8_t {
  rows,    // bf16: the tokens' embeddings, written by the CPU
  angles,  // cosines and sines of the tokens' positions, written by the CPU
  residual,
  normed,
  query,
  attended,
  chosen,    // uint: experts
  weights,   // of the chosen experts
  gated,     // between the experts' matrices
  logits,    // read by the CPU
  partials,  // of split attention
  qkv,       // this and the rest: prefill only
  order,
  tiles,
  outputs,  // of the experts
};
constexpr size_t kAreas = 15;

// What one pass needs room for.
struct PassSize {
  int tokens;
  int logit_rows;
  int splits;    // of decode's attention, 1 = none
  bool prefill;  // takes the prefill kernels
};

class Scratch {
 public:
  Scratch(const Config& config, Memory& memory, Residency& residency)
      : config_(config), memory_(memory), residency_(residency) {}

  // Makes room; contents are lost. Throws Error, and the next call tries again.
  void reserve(const PassSize& size);

  // `count` rows of an area from row `first` on.
  Slice rows(Area area, int first, int count) const;
  template <class T>
  T* contents(Area area) const {
    return buffer(area).contents<T>();
  }
  // Entries of the list of tiles for `tokens`, at least.
  static uint32_t tiles(const Config& config, int tokens);

  uint64_t bytes() const;

 private:
  const Buffer& buffer(Area area) const { return buffers_[static_cast<size_t>(area)]; }
  uint64_t row_bytes(Area area) const;
  void grow(Area area, uint64_t bytes);

  const Config& config_;
  Memory& memory_;
  Residency& residency_;
  int splits_ = 1;
  std::array<Buffer, kAreas> buffers_;
};

}  // namespace gptoss::metal
