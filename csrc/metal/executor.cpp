#include "metal/executor.h"

#include <algorithm>

#include "model/error.h"

namespace gptoss::metal {

namespace {

// Longer chunks are computed in parts: no scratch for more, and command buffers stay short.
constexpr int kMostTokens = 2048;
constexpr size_t kMostSequenceSets = 8;

}  // namespace

MetalExecutor::MetalExecutor(Resources& resources, int context, int chunk)
    : resources_(resources),
      config_(resources.weights.config()),
      rope_(config_),
      residency_(resources.device.get(), resources.facts, kMostSequenceSets,
                 "gptoss-metal sequence"),
      cache_(resources.kv, context, std::min(chunk, kMostTokens), resources.memory,
             resources.cache_bytes, residency_),
      scratch_(config_, resources.memory, residency_) {}

void MetalExecutor::forward(const BatchItem& item) {
  const Pool pool;
  const int count = static_cast<int>(item.tokens.size());
  float* logits = item.logits;
  for (int done = 0; done < count;) {
    const int part = std::min(count - done, kMostTokens);
    const int left = count - done - part;  // the logits wanted are those of the last rows
    const int rows = std::clamp(item.logit_rows - left, 0, part);
    forward_part(item.tokens.data() + done, part, item.start + done, rows, logits, item.cancelled);
    logits += int64_t{rows} * config_.vocab;
    done += part;
  }
}

void MetalExecutor::forward_part(const int32_t* tokens, int count, int start, int logit_rows,
                                 float* logits, const std::atomic<bool>& cancelled) {
  const bool sliced = logit_rows > kDecodeRows;
  const bool prefill = !takes_decode(count);
  cache_.extend(start, start + count);
  scratch_.reserve(
      {count, std::min(logit_rows, kSliceRows), attention_splits(start + count), prefill});
  prepare(tokens, count, start);
  const Pass pass{config_, resources_.buffers, cache_, scratch_, count, start};
  run(forward_plan(pass, logit_rows), cancelled);
  if (!sliced) {
    copy_logits(logit_rows, logits);
    return;
  }
  for (int done = 0; done < logit_rows; done += kSliceRows) {
    const int rows = std::min(kSliceRows, logit_rows - done);
    run(logits_plan(pass, count - logit_rows + done, rows), cancelled);
    copy_logits(rows, logits + int64_t{done} * config_.vocab);
  }
}

void MetalExecutor::prepare(const int32_t* tokens, int count, int start) {
  uint16_t* rows = scratch_.contents<uint16_t>(Area::rows);
  float* angles = scratch_.contents<float>(Area::angles);
  for (int t = 0; t < count; ++t) {
    const uint16_t* row = resources_.weights.embedding() + int64_t{tokens[t]} * config_.hidden;
    std::copy_n(row, config_.hidden, rows + int64_t{t} * config_.hidden);
    float* cosines = angles + int64_t{t} * 2 * Rope::kPairs;
    rope_.angles(start + t, cosines, cosines + Rope::kPairs);
  }
}

void MetalExecutor::run(const Plan& plan, const std::atomic<bool>& cancelled) {
  if (!stream_) {
    stream_.emplace(resources_.device.get(),
                    CommandStream::ResidencyList{&resources_.residency, &residency_});
  }
  try {
    stream_->run(plan, resources_.pipelines, cancelled);
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    stream_.reset();
    throw;
  }
}

void MetalExecutor::copy_logits(int rows, float* logits) const {
  if (rows == 0) return;
  std::copy_n(scratch_.contents<float>(Area::logits), int64_t{rows} * config_.vocab, logits);
}

void MetalExecutor::truncate(int length) {
  const Pool pool;
  cache_.truncate(length);
}

std::shared_ptr<const Snapshot> MetalExecutor::snapshot(int length) const {
  const Pool pool;
  return cache_.snapshot(length);
}

void MetalExecutor::restore(const Snapshot& snapshot) {
  const Pool pool;
  cache_.restore(static_cast<const KvSnapshot&>(snapshot));
}

}  // namespace gptoss::metal
