// One token sequence and its KV cache. A caller always names the full sequence it wants; the
// session decides what to keep, cut back or compute, so no caller can get the cache wrong.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/prefix.h"

namespace gptoss {

class Session {
 public:
  static constexpr int kDefaultChunk = 512;

  // A chunk as it counts: 0 is the default, and no chunk is longer than the context. Throws Error.
  static int checked_chunk(int chunk, int context);

  // `context`: most tokens the session may hold, 0 = the model's own limit. `chunk`: tokens
  // computed together in prefill, 0 = kDefaultChunk. Throws Error.
  Session(std::shared_ptr<const Model> model, int context, int chunk);

  // Makes the cache hold exactly `tokens`, reusing the common prefix; returns how many had to be
  // computed. Afterwards logits() are those of the last token. Throws Error on bad input (nothing
  // has changed then) and Cancelled (whole chunks stay).
  int sync(std::span<const int32_t> tokens);
  // Appends one token and computes its logits.
  void step(int32_t token);
  // Keeps the first `length` tokens; logits are unavailable until the next sync() or step().
  void rewind(int length);
  // float32 [vocab] of the last token, valid until the next call that computes.
  std::span<const float> logits() const;
  bool has_logits() const { return has_logits_; }
  // Computes `tokens` anew and writes the logits of every position to `out` [tokens, vocab].
  void all_logits(std::span<const int32_t> tokens, float* out);

  // What has been computed so far, to go on from elsewhere: shares the pages of full-attention
  // layers and copies the state of the window layers. Throws Error.
  Prefix checkpoint();
  // Becomes that prefix, of the same model; logits are unavailable until the next call that
  // computes. Throws Error (nothing has changed then).
  void restore(const Prefix& prefix);

  struct Work {
    Session* session;
    std::span<const int32_t> tokens;  // 1 .. chunk()
  };
  // Appends tokens to each session, all of one model and no session twice, and computes them in one
  // forward pass; logits() of each are then those of its last token. On the CPU they do not depend
  // on what else is in the pass, bit for bit. Throws Error, and Cancelled when any of the sessions
  // was cancelled: then nothing has changed.
  static void advance(std::span<const Work> work);

  // May be called from any thread: the running call throws Cancelled before its next layer. Between
  // calls it does nothing.
  void cancel() { cancelled_.store(true); }

  int length() const { return static_cast<int>(tokens_.size()); }
  std::span<const int32_t> tokens() const { return tokens_; }
  int context() const { return context_; }
  int chunk() const { return chunk_; }
  uint64_t bytes() const { return sequence_->bytes(); }
  const Model& model() const { return *model_; }

 private:
  std::unique_lock<std::mutex> begin();
  void check(std::span<const int32_t> tokens) const;
  // Whether these tokens can be appended in one pass.
  void check_next(std::span<const int32_t> tokens) const;
  // Computes `added` behind what there is; `rows` last logits to `out`.
  BatchItem item(std::span<const int32_t> added, int rows, float* out);
  void cut(int length);
  // Appends and computes `added`; logits of the last one, or of each when `all` is given.
  void extend(std::span<const int32_t> added, float* all);

  std::shared_ptr<const Model> model_;
  int context_;
  int chunk_;
  std::unique_ptr<Sequence> sequence_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
  std::vector<float> next_logits_;  // being computed by advance()
  bool has_logits_ = false;
  std::atomic<bool> cancelled_{false};
  std::mutex busy_;
};

}  // namespace gptoss
