// The forward pass on the CPU, with the scratch memory that all sequences of a model share.
#pragma once

#include "cpu/experts.h"
#include "cpu/kv_cache.h"
#include "cpu/machine.h"
#include "model/rope.h"
#include "model/weights.h"

namespace gptoss::cpu {

class Forward {
 public:
  Forward(const Weights& weights, const Machine& machine);

  // See Backend::forward; by one thread at a time.
  void run(std::span<const BatchItem> items);

 private:
  // Scratch of attention, one per thread.
  struct AttentionScratch {
    Buffer<float> block;            // one block's keys and values in float32
    Buffer<AttentionState> states;  // [query tile, heads per group]
  };

  void run(const BatchItem& item);
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
  KvCache* cache_ = nullptr;  // of the item being computed
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
