// The forward pass on the CPU, with the scratch memory that all sequences of a model share.
#pragma once

#include "cpu/attention.h"
#include "cpu/batch.h"
#include "cpu/experts.h"
#include "model/rope.h"

namespace gptoss::cpu {

class Forward {
 public:
  Forward(const Weights& weights, const Machine& machine);

  // See Backend::forward; by one thread at a time.
  void run(std::span<const BatchItem> items);

 private:
  void embed(const Batch& batch);
  void layer(const Batch& batch, int index);
  // y = w x + bias for `count` rows, or added to y when `residual`.
  void dense(const DenseMatrix& w, const float* bias, const float* x, bool residual, int count,
             float* y);
  // The first `count` rows of the residual stream into normed_.
  void norm(const float* weight, int count);
  // Moves the wanted rows of the residual stream and of attended_ to the front.
  void keep_wanted(const Batch& batch);
  void rotate_and_store(const Batch& batch, int layer);
  void unembed(const Batch& batch);
  // The rows of a buffer of so many values each.
  std::span<float* const> rows_of(float* buffer, int count, int width);

  const Weights& weights_;
  const Config& config_;
  const Machine& machine_;
  Rope rope_;
  Experts experts_;
  Attention attention_;
  Operands operands_;
  ScratchSet scratch_;
  std::vector<float*> pointers_;
  Buffer<float> residual_;  // [rows, hidden]
  Buffer<float> normed_;    // [rows, hidden]
  Buffer<float> qkv_;       // [rows, qkv_width]
  Buffer<float> attended_;  // [rows, q_width]
  Buffer<float> router_;    // [rows, experts]
  Buffer<float> cosines_;   // [rows, Rope::kPairs]
  Buffer<float> sines_;
};

}  // namespace gptoss::cpu
