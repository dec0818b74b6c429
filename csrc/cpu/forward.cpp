#include "cpu/forward.h"

#include <algorithm>

#include "cpu/linear.h"
#include "model/error.h"

namespace gptoss::cpu {

namespace {

size_t area(int rows, int width) { return static_cast<size_t>(rows) * static_cast<size_t>(width); }

}  // namespace

Forward::Forward(const Weights& weights, const Machine& machine)
    : weights_(weights),
      config_(weights.config()),
      machine_(machine),
      rope_(config_),
      attention_(config_, machine),
      scratch_(static_cast<size_t>(machine.pool.threads())) {}

void Forward::run(std::span<const BatchItem> items) {
  const Batch batch(config_.vocab, items);
  embed(batch);
  attention_.plan(batch);
  for (int i = 0; i < config_.layers; ++i) {
    for (const BatchItem& item : items) {
      if (item.cancelled.load(std::memory_order_relaxed)) throw Cancelled();
    }
    layer(batch, i);
  }
  unembed(batch);
}

void Forward::embed(const Batch& batch) {
  const int count = batch.count();
  float* residual = residual_.reserve(area(count, config_.hidden));
  float* cosines = cosines_.reserve(area(count, Rope::kPairs));
  float* sines = sines_.reserve(area(count, Rope::kPairs));
  for (int t = 0; t < count; ++t) {
    const Batch::Row& row = batch.rows()[static_cast<size_t>(t)];
    const uint16_t* embedding = weights_.embedding() + int64_t{row.token} * config_.hidden;
    machine_.kernels.unpack_bf16(embedding, residual + int64_t{t} * config_.hidden, config_.hidden);
    rope_.angles(row.position, cosines + t * Rope::kPairs, sines + t * Rope::kPairs);
  }
}

void Forward::layer(const Batch& batch, int index) {
  const LayerWeights& layer = weights_.layer(index);
  int count = batch.count();
  norm(layer.attn_norm, count);
  float* qkv = qkv_.reserve(area(count, config_.qkv_width()));
  dense(layer.qkv, layer.qkv_bias, normed_.get(), false, count, qkv);
  rotate_and_store(batch, index);
  // Behind the last layer's keys and values, only rows whose logits are wanted go on.
  const bool last = index == config_.layers - 1;
  if (last && batch.wanted().empty()) return;
  float* attended = attended_.reserve(area(count, config_.q_width()));
  attention_.run(index, layer.sinks, qkv, attended);
  if (last) {
    keep_wanted(batch);
    count = static_cast<int>(batch.wanted().size());
  }
  dense(layer.out, layer.out_bias, attended, true, count, residual_.get());
  norm(layer.mlp_norm, count);
  float* router = router_.reserve(area(count, config_.experts));
  dense(layer.router, layer.router_bias, normed_.get(), false, count, router);
  experts_.add(machine_, scratch_, config_, layer, router, normed_.get(), count, residual_.get());
}

void Forward::dense(const DenseMatrix& w, const float* bias, const float* x, bool residual,
                    int count, float* y) {
  linear(machine_, scratch_, operands_, w, bias, x, residual, rows_of(y, count, w.rows));
}

void Forward::keep_wanted(const Batch& batch) {
  int64_t kept = 0;
  const auto move = [&kept](float* rows, int64_t row, int width) {
    if (row != kept) std::copy_n(rows + row * width, width, rows + kept * width);
  };
  for (const Batch::Wanted& wanted : batch.wanted()) {
    move(residual_.get(), wanted.row, config_.hidden);
    move(attended_.get(), wanted.row, config_.q_width());
    ++kept;
  }
}

std::span<float* const> Forward::rows_of(float* buffer, int count, int width) {
  pointers_.resize(static_cast<size_t>(count));
  for (int t = 0; t < count; ++t) pointers_[static_cast<size_t>(t)] = buffer + int64_t{t} * width;
  return pointers_;
}

void Forward::norm(const float* weight, int count) {
  float* normed = normed_.reserve(area(count, config_.hidden));
  machine_.pool.run(count, [&](int64_t t, int) {
    machine_.kernels.rms_norm(residual_.get() + t * config_.hidden, weight,
                              normed + t * config_.hidden, config_.hidden, config_.norm_eps);
  });
}

void Forward::rotate_and_store(const Batch& batch, int layer) {
  machine_.pool.run(batch.count(), [&](int64_t t, int) {
    const Batch::Row& row = batch.rows()[static_cast<size_t>(t)];
    KvCache& cache = batch.items()[static_cast<size_t>(row.item)].cache;
    float* q = qkv_.get() + t * config_.qkv_width();
    float* k = q + config_.q_width();
    const float* v = k + config_.kv_width();
    const float* cosines = cosines_.get() + t * Rope::kPairs;
    const float* sines = sines_.get() + t * Rope::kPairs;
    for (int h = 0; h < config_.heads; ++h) {
      Rope::rotate(q + h * kHeadDim, cosines, sines, kAttentionScale);
    }
    for (int h = 0; h < config_.kv_heads; ++h) {
      Rope::rotate(k + h * kHeadDim, cosines, sines, 1.0f);
      cache.write(machine_.kernels, layer, row.position, h, k + h * kHeadDim, v + h * kHeadDim);
    }
  });
}

void Forward::unembed(const Batch& batch) {
  if (batch.wanted().empty()) return;
  pointers_.clear();
  for (const Batch::Wanted& wanted : batch.wanted()) pointers_.push_back(wanted.logits);
  norm(weights_.final_norm(), static_cast<int>(pointers_.size()));
  linear(machine_, scratch_, operands_, weights_.unembedding(), nullptr, normed_.get(), false,
         pointers_);
}

}  // namespace gptoss::cpu
