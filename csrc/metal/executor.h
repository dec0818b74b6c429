// One sequence on the GPU: its cache and its forward passes.
#pragma once

#include <optional>

#include "metal/command_stream.h"
#include "metal/forward_plan.h"
#include "metal/kv_cache.h"
#include "metal/resources.h"
#include "metal/scratch.h"
#include "model/rope.h"

namespace gptoss::metal {

class MetalExecutor final : public Sequence {
 public:
  // `context` bounds the positions, `chunk` the tokens of one forward(). Callers hold a Pool.
  MetalExecutor(Resources& resources, int context, int chunk);

  // See BatchItem. Throws Cancelled between command buffers, and Error.
  void forward(const BatchItem& item);
  void truncate(int length) override;
  std::shared_ptr<const Snapshot> snapshot(int length) const override;
  void restore(const Snapshot& snapshot) override;
  bool can_resume(int position) const override { return cache_.holds_window(position); }
  uint64_t bytes() const override { return cache_.bytes() + scratch_.bytes(); }

 private:
  // At most kMostTokens tokens.
  void forward_part(const int32_t* tokens, int count, int start, int logit_rows, float* logits,
                    const std::atomic<bool>& cancelled);
  // Writes what the CPU knows: the tokens' embeddings, the positions' angles.
  void prepare(const int32_t* tokens, int count, int start);
  void run(const Plan& plan, const std::atomic<bool>& cancelled);
  void copy_logits(int rows, float* logits) const;

  Resources& resources_;
  const Config& config_;
  Rope rope_;
  Residency residency_;  // of this sequence's cache and scratch
  KvCache cache_;
  Scratch scratch_;
  std::optional<CommandStream> stream_;  // made anew after a failure
};

}  // namespace gptoss::metal
