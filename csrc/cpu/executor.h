// The forward pass of one sequence on the CPU.
#pragma once

#include "backend/executor.h"
#include "cpu/experts.h"
#include "cpu/kv_cache.h"
#include "cpu/machine.h"
#include "model/rope.h"
#include "model/weights.h"

namespace gptoss::cpu {

class CpuExecutor final : public Executor {
 public:
  // `chunk` bounds the tokens of one forward(); `context` the positions.
  CpuExecutor(const Weights& weights, const Machine& machine, int context, int chunk);

  void forward(const int32_t* tokens, int count, int start, int logit_rows, float* logits,
               const std::atomic<bool>& cancelled) override;
  void truncate(int length) override { cache_.truncate(length); }
  bool can_resume(int position) const override { return cache_.holds_window(position); }
  uint64_t bytes() const override;

 private:
  // Scratch of attention, one per thread.
  struct AttentionScratch {
    Buffer<float> block;            // one block's keys and values in float32
    Buffer<AttentionState> states;  // [query tile, heads per group]
  };

  void embed(const int32_t* tokens, int count);
  // Rows first .. count - 1 of the residual stream into the same rows of normed_.
  void norm(const float* weight, int first, int count);
  void rotate_and_store(int layer, int count, int start);
  void attend(int layer, const LayerWeights& weights, int count, int start);
  void attend_tile(int layer, const float* sinks, int kv_head, int first, int last, int start,
                   AttentionScratch& scratch);
  void unembed(int count, int logit_rows, float* logits);

  const Weights& weights_;
  const Config& config_;
  Machine machine_;
  Rope rope_;
  KvCache cache_;
  Experts experts_;
  ScratchSet scratch_;
  std::vector<AttentionScratch> attention_scratch_;
  Buffer<float> residual_;  // [count, hidden]
  Buffer<float> normed_;    // [count, hidden]
  Buffer<float> qkv_;       // [count, qkv_width]
  Buffer<float> attended_;  // [count, q_width]
  Buffer<float> router_;    // [count, experts]
  Buffer<float> cosines_;   // [count, Rope::kPairs]
  Buffer<float> sines_;
};

}  // namespace gptoss::cpu
