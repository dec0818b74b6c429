// Metal text to C++ text for clang: attributes leave, function constants become variables, and a
// table of the kernels with launchers generated from their signatures is appended.
#pragma once

#include <string>

namespace softmetal {

// Blanks out the #include lines of Metal's own headers, which our header stands in for.
std::string without_metal_includes(const std::string& source);

// `preprocessed` has GNU line markers. Throws CompileError for what the software Metal can't run.
std::string translate(const std::string& preprocessed);

}  // namespace softmetal
