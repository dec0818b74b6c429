// Runs clang on texts: preprocessing, syntax checks, and building modules.
#pragma once

#include <string>
#include <vector>

#include "softmetal/compiler/process.h"

namespace softmetal {

enum class Flavour { fast, checked, coverage, lint };

// The compiler's command, unless SOFTMETAL_CLANG or SOFTMETAL_PYTHON say otherwise.
void set_compiler(std::vector<std::string> command);

// Something to put into cache keys: the compiler's version and its flags.
std::string compiler_identity(Flavour flavour);

Outcome preprocess(const std::string& file, const std::vector<std::string>& definitions);
Outcome build(const std::string& file, Flavour flavour, bool fast_math, const std::string& target);

// All texts of the stand-in headers, for cache keys.
std::string header_texts();

}  // namespace softmetal
