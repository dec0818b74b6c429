#include "runtime/session.h"

#include <algorithm>

#include "model/error.h"

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

int checked_chunk(int chunk, int context) {
  if (chunk < 0) {
    throw Error("session", "a chunk of " + std::to_string(chunk) + " tokens is negative",
                "1 .. 2048, or 0 for the default");
  }
  return std::min(chunk == 0 ? Session::kDefaultChunk : chunk, context);
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model, int context, int chunk)
    : model_(std::move(model)),
      context_(checked_context(model_->config(), context)),
      chunk_(checked_chunk(chunk, context_)),
      executor_(model_->make_executor(context_, chunk_)) {}

std::unique_lock<std::mutex> Session::begin() {
  std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
  if (!lock.owns_lock()) {
    throw Error("session", "another thread is computing with this session",
                "one session per thread; they share the model");
  }
  cancelled_.store(false);
  return lock;
}

void Session::check_fits(size_t count) const {
  if (count <= static_cast<size_t>(context_)) return;
  const int limit = model_->config().context;
  throw Error(
      "session",
      std::to_string(count) + " tokens are more than the context of " + std::to_string(context_),
      context_ < limit
          ? "a larger context (the model allows " + std::to_string(limit) + ") or a shorter prompt"
          : "a shorter prompt");
}

void Session::check_token(int32_t token, size_t position) const {
  if (token >= 0 && token < model_->config().vocab) return;
  throw Error("session",
              "token " + std::to_string(token) + " at position " + std::to_string(position) +
                  " is outside the vocabulary",
              "ids in 0 .. " + std::to_string(model_->config().vocab - 1));
}

void Session::check(std::span<const int32_t> tokens) const {
  if (tokens.empty()) {
    throw Error("session", "the token sequence is empty", "at least one token");
  }
  check_fits(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) check_token(tokens[i], i);
}

int Session::sync(std::span<const int32_t> tokens) {
  const auto lock = begin();
  check(tokens);
  const auto differs = std::mismatch(tokens.begin(), tokens.end(), tokens_.begin(), tokens_.end());
  int keep = static_cast<int>(differs.first - tokens.begin());
  const int wanted = static_cast<int>(tokens.size());
  if (keep == wanted && length() == wanted && has_logits_) return 0;
  keep = std::min(keep, wanted - 1);  // the last token is computed for its logits
  if (!executor_->can_resume(keep)) keep = 0;
  cut(keep);
  extend(tokens.subspan(static_cast<size_t>(keep)), nullptr);
  return wanted - keep;
}

void Session::step(int32_t token) {
  const auto lock = begin();
  check_fits(tokens_.size() + 1);
  check_token(token, tokens_.size());
  if (executor_->can_resume(length())) {
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
    executor_->truncate(length);
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

void Session::cut(int length) {
  tokens_.resize(static_cast<size_t>(length));
  executor_->truncate(length);
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
    executor_->forward(added.data() + done, count, length(), rows, out, cancelled_);
    tokens_.insert(tokens_.end(), added.begin() + done, added.begin() + done + count);
    done += count;
  }
  if (all != nullptr) {
    std::copy_n(all + (static_cast<size_t>(total) - 1) * vocab, vocab, logits_.begin());
  }
  has_logits_ = true;
}

}  // namespace gptoss
