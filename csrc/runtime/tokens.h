// Checks of token sequences that come from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/config.h"

namespace gptoss {

// Throw Error: `count` tokens must fit into a context; ids must be in the vocabulary (the first of
// them is at `position`).
void check_fits(const Config& config, size_t count, int context);
void check_tokens(const Config& config, std::span<const int32_t> tokens, size_t position);

}  // namespace gptoss
