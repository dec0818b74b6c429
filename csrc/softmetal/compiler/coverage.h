// Which lines of kernels ran. Counted when SOFTMETAL_COVERAGE is 1 in the environment: fast
// dispatches then run the coverage flavour of their module.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "softmetal/engine/program.h"

namespace softmetal {

bool coverage_wanted();

// By file and line: in how many dispatches of this process the line ran; 0 for lines that hold
// code and never ran.
std::map<std::string, std::map<int, uint64_t>> line_counts();

// Adds one to the lines of each block whose flag is set.
void add_line_counts(const std::vector<std::vector<SourceLine>>& block_lines, const bool* flags);

}  // namespace softmetal
