// What went wrong in Metal, as an Error with Apple's own words and a remedy.
#pragma once

#include <string>

#include "model/error.h"

namespace NS {
class Error;
}

namespace gptoss::metal {

// Apple's description on one line, without a final period; "" for nil.
std::string words_of(const NS::Error* error);

Error failure(const std::string& what, const std::string& remedy);
// Metal returned nil for `object` although it needs next to no memory.
Error object_failure(const std::string& object, const NS::Error* error = nullptr);
// A command buffer ended with an error; `working_set` (bytes) is what the GPU may use now.
Error command_failure(const NS::Error* error, uint64_t working_set);
// How to let the GPU use at least `bytes`.
std::string raise_limit(uint64_t bytes);

}  // namespace gptoss::metal
