// From a Metal text to the C++ text that clang compiles.
#pragma once

#include <string>

#include "softmetal/engine/program.h"

namespace softmetal {

// Throws CompileError.
std::string cpp_text(const std::string& source, const CompileOptions& options);

// Writes `text` to the file.
void write_file(const std::string& path, const std::string& text);

}  // namespace softmetal
