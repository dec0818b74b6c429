// Checks a Metal text with real address spaces.
#pragma once

#include <string>

namespace softmetal {

// The compiler's messages, errors and warnings; empty when there are none.
std::string lint(const std::string& source);

}  // namespace softmetal
