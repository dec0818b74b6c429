#include "runtime/tokens.h"

#include "model/error.h"

namespace gptoss {

void check_fits(const Config& config, size_t count, int context) {
  if (count <= static_cast<size_t>(context)) return;
  throw Error(
      "session",
      std::to_string(count) + " tokens are more than the context of " + std::to_string(context),
      context < config.context ? "a larger context (the model allows " +
                                     std::to_string(config.context) + ") or a shorter prompt"
                               : "a shorter prompt");
}

void check_tokens(const Config& config, std::span<const int32_t> tokens, size_t position) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < config.vocab) continue;
    throw Error("session",
                "token " + std::to_string(tokens[i]) + " at position " +
                    std::to_string(position + i) + " is outside the vocabulary",
                "ids in 0 .. " + std::to_string(config.vocab - 1));
  }
}

}  // namespace gptoss
