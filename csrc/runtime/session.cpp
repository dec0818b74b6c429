#include "runtime/session.h"

#include <algorithm>
#include <unordered_set>

#include "model/error.h"
#include "runtime/tokens.h"

namespace gptoss {

namespace {

int checked_context(const Config& config, int context) {
  if (context == 0) return config.context;
  if (context < 0 || context > config.context) {
    throw Error("session",
                "a context of " + std::to_string(context) + " tokens is outside 1 .. " +
                    std::to_string(config.context),
                "a context of at most " + std::to_string(config.context));
  }
  return context;
}

// After a rewind further back than the rings of the window layers reach.
Error window_gone(int length) {
  return {"session", "the window before position " + std::to_string(length) + " is gone",
          "sync(), which computes it anew, or restore()"};
}

}  // namespace

int Session::checked_chunk(int chunk, int context) {
  if (chunk < 0) {
    throw Error("session", "a chunk of " + std::to_string(chunk) + " tokens is negative",
                "1 .. 2048, or 0 for the default");
  }
  return std::min(chunk == 0 ? kDefaultChunk : chunk, context);
}

Session::Session(std::shared_ptr<const Model> model, int context, int chunk)
    : model_(std::move(model)),
      context_(checked_context(model_->config(), context)),
      chunk_(checked_chunk(chunk, context_)),
      sequence_(model_->backend().make_sequence(context_, chunk_)) {}

std::unique_lock<std::mutex> Session::begin() {
  std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
  if (!lock.owns_lock()) {
    throw Error("session", "another thread is computing with this session",
                "one session per thread; they share the model");
  }
  cancelled_.store(false);
  return lock;
}

void Session::check(std::span<const int32_t> tokens) const {
  if (tokens.empty()) {
    throw Error("session", "the token sequence is empty", "at least one token");
  }
  check_fits(model_->config(), tokens.size(), context_);
  check_tokens(model_->config(), tokens, 0);
}

int Session::sync(std::span<const int32_t> tokens) {
  const auto lock = begin();
  check(tokens);
  const auto differs = std::mismatch(tokens.begin(), tokens.end(), tokens_.begin(), tokens_.end());
  int keep = static_cast<int>(differs.first - tokens.begin());
  const int wanted = static_cast<int>(tokens.size());
  if (keep == wanted && length() == wanted && has_logits_) return 0;
  keep = std::min(keep, wanted - 1);  // the last token is computed for its logits
  if (!sequence_->can_resume(keep)) keep = 0;
  cut(keep);
  extend(tokens.subspan(static_cast<size_t>(keep)), nullptr);
  return wanted - keep;
}

void Session::step(int32_t token) {
  const auto lock = begin();
  check_fits(model_->config(), tokens_.size() + 1, context_);
  check_tokens(model_->config(), std::span(&token, 1), tokens_.size());
  if (sequence_->can_resume(length())) {
    extend(std::span(&token, 1), nullptr);
    return;
  }
  // After rewind() the window before this token may be gone: all is computed anew.
  std::vector<int32_t> tokens(tokens_);
  tokens.push_back(token);
  cut(0);
  extend(tokens, nullptr);
}

void Session::rewind(int length) {
  const auto lock = begin();
  if (length < 0 || length > this->length()) {
    throw Error("session",
                "cannot rewind to " + std::to_string(length) + " of " +
                    std::to_string(this->length()) + " tokens",
                "a length in 0 .. " + std::to_string(this->length()));
  }
  if (length < this->length()) {
    tokens_.resize(static_cast<size_t>(length));
    has_logits_ = false;
    sequence_->truncate(length);
  }
}

std::span<const float> Session::logits() const {
  if (!has_logits_) {
    throw Error("session", "there are no logits yet", "sync() or step() first");
  }
  return logits_;
}

void Session::all_logits(std::span<const int32_t> tokens, float* out) {
  const auto lock = begin();
  check(tokens);
  cut(0);
  extend(tokens, out);
}

BatchItem Session::item(std::span<const int32_t> added, int rows, float* out) {
  return {*sequence_, added, length(), rows, out, cancelled_};
}

Prefix Session::checkpoint() {
  const auto lock = begin();
  // The snapshot's last position can be computed anew, so one more than the window is wanted.
  if (length() > 0 && !sequence_->can_resume(length() - 1)) throw window_gone(length());
  return {model_, tokens_, sequence_->snapshot(length())};
}

void Session::restore(const Prefix& prefix) {
  const auto lock = begin();
  if (&prefix.model() != model_.get()) {
    throw Error("session", "the prefix is of another model", "a prefix of the session's model");
  }
  check_fits(model_->config(), prefix.tokens().size(), context_);
  std::vector<int32_t> tokens(prefix.tokens().begin(), prefix.tokens().end());
  sequence_->restore(prefix.snapshot());
  tokens_ = std::move(tokens);
  has_logits_ = false;
}

void Session::check_next(std::span<const int32_t> tokens) const {
  if (tokens.empty() || tokens.size() > static_cast<size_t>(chunk_)) {
    throw Error("session",
                "a pass over " + std::to_string(tokens.size()) + " tokens is outside 1 .. " +
                    std::to_string(chunk_),
                "parts of at most the session's chunk");
  }
  check_fits(model_->config(), tokens_.size() + tokens.size(), context_);
  check_tokens(model_->config(), tokens, tokens_.size());
  if (!sequence_->can_resume(length())) throw window_gone(length());
}

void Session::advance(std::span<const Work> work) {
  if (work.empty()) return;
  const Model& model = *work.front().session->model_;
  std::unordered_set<const Session*> seen;
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<BatchItem> items;
  for (const auto& [session, tokens] : work) {
    if (!seen.insert(session).second) {
      throw Error("session", "a session is in the pass twice", "one item for each session");
    }
    if (session->model_.get() != &model) {
      throw Error("session", "the sessions are of different models", "one pass for each model");
    }
    locks.push_back(session->begin());
    session->check_next(tokens);
    session->next_logits_.resize(static_cast<size_t>(model.config().vocab));
    session->tokens_.reserve(session->tokens_.size() + tokens.size());
    items.push_back(session->item(tokens, 1, session->next_logits_.data()));
  }
  model.backend().forward(items);
  for (const auto& [session, tokens] : work) {
    session->tokens_.insert(session->tokens_.end(), tokens.begin(), tokens.end());
    session->logits_.swap(session->next_logits_);
    session->has_logits_ = true;
  }
}

void Session::cut(int length) {
  tokens_.resize(static_cast<size_t>(length));
  sequence_->truncate(length);
  has_logits_ = false;
}

void Session::extend(std::span<const int32_t> added, float* all) {
  const size_t vocab = static_cast<size_t>(model_->config().vocab);
  logits_.resize(vocab);
  has_logits_ = false;
  const int total = static_cast<int>(added.size());
  for (int done = 0; done < total;) {
    const int count = std::min(chunk_, total - done);
    const bool last = done + count == total;
    float* out = all != nullptr ? all + static_cast<size_t>(done) * vocab : logits_.data();
    const int rows = all != nullptr ? count : (last ? 1 : 0);
    const std::span<const int32_t> part =
        added.subspan(static_cast<size_t>(done), static_cast<size_t>(count));
    const BatchItem work = item(part, rows, out);
    model_->backend().forward(std::span(&work, 1));
    tokens_.insert(tokens_.end(), part.begin(), part.end());
    done += count;
  }
  if (all != nullptr) {
    std::copy_n(all + (static_cast<size_t>(total) - 1) * vocab, vocab, logits_.begin());
  }
  has_logits_ = true;
}

}  // namespace gptoss
