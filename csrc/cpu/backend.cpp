#include "cpu/backend.h"

#include "cpu/sequence.h"

namespace gptoss::cpu {

CpuBackend::CpuBackend(const Weights& weights, Precision precision, int threads,
                       const std::string& isa)
    : config_(weights.config()),
      pool_(threads),
      machine_{select_kernels(isa.c_str()), pool_, precision},
      shape_(config_, precision),
      forward_(weights, machine_) {}

std::unique_ptr<Sequence> CpuBackend::make_sequence(int context, int chunk) {
  return std::make_unique<CpuSequence>(shape_, context, chunk, alive_);
}

void CpuBackend::forward(std::span<const BatchItem> items) {
  const std::lock_guard<std::mutex> lock(turn_);
  forward_.run(items);
}

std::shared_ptr<const Snapshot> CpuBackend::load(int length, std::span<const Bytes> pages,
                                                 Bytes window) {
  KvSnapshot::Pages loaded;
  for (int i = 0; i < shape_.pages(length); ++i) {
    loaded.push_back(new_page(shape_, alive_));
    loaded.back()->write(0, KvShape::positions_in_page(i, length),
                         pages[static_cast<size_t>(i)].data());
  }
  return std::make_shared<KvSnapshot>(shape_, length, std::move(loaded),
                                      std::vector<std::byte>(window.begin(), window.end()), alive_);
}

uint64_t CpuBackend::sequence_bytes(int positions, int chunk) const {
  const int64_t in_pages = int64_t{shape_.full_layers} * shape_.pages(positions) * kPagePositions;
  const int64_t in_rings =
      int64_t{shape_.window_layers} * ring_blocks(shape_, config_.context, chunk) * kBlock;
  return static_cast<uint64_t>((in_pages + in_rings) * shape_.kv_heads * shape_.row_bytes());
}

}  // namespace gptoss::cpu
