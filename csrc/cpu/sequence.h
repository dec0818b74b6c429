// One sequence on the CPU: its cache behind the runtime's interface.
#pragma once

#include "cpu/kv_cache.h"

namespace gptoss::cpu {

class CpuSequence final : public Sequence {
 public:
  CpuSequence(const KvShape& shape, int context, int chunk, std::atomic<uint64_t>& alive)
      : cache_(shape, context, chunk, alive) {}

  void truncate(int length) override { cache_.truncate(length); }
  bool can_resume(int position) const override { return cache_.holds_window(position); }
  uint64_t bytes() const override { return cache_.bytes(); }
  std::shared_ptr<const Snapshot> snapshot(int length) const override {
    return cache_.snapshot(length);
  }
  void restore(const Snapshot& snapshot) override {
    cache_.restore(static_cast<const KvSnapshot&>(snapshot));
  }

  KvCache& cache() { return cache_; }

 private:
  KvCache cache_;
};

}  // namespace gptoss::cpu
