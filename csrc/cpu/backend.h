// The CPU backend of one model: threads, kernels, one forward pass at a time, and the sequences.
#pragma once

#include <mutex>

#include "cpu/forward.h"
#include "cpu/kv_cache.h"

namespace gptoss::cpu {

class CpuBackend final : public Backend {
 public:
  // `threads` 0 = one per usable core; empty `isa` = the best set. `weights` must outlive it.
  // Throws Error.
  CpuBackend(const Weights& weights, Precision precision, int threads, const std::string& isa);

  const char* name() const override { return "cpu"; }
  std::string device() const override { return ""; }
  const char* isa() const override { return machine_.kernels.isa; }
  int threads() const override { return pool_.threads(); }

  std::unique_ptr<Sequence> make_sequence(int context, int chunk) override;
  void forward(std::span<const BatchItem> items) override;
  std::shared_ptr<const Snapshot> load(int length, std::span<const Bytes> pages,
                                       Bytes window) override;
  const KvShape& kv_shape() const override { return shape_; }
  uint64_t cache_bytes() const override { return alive_.load(); }
  uint64_t sequence_bytes(int positions, int chunk) const override;

 private:
  const Config& config_;
  ThreadPool pool_;
  Machine machine_;
  KvShape shape_;
  std::atomic<uint64_t> alive_{0};  // bytes of pages, rings and window states
  std::mutex turn_;
  Forward forward_;
};

}  // namespace gptoss::cpu
