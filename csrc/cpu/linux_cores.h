// What Linux's files say about the processors that this process may use; below `root` ("" for the
// machine's own). A file that cannot be read or understood sets no limit.
#pragma once

#include <span>
#include <string>

namespace gptoss::cpu {

// How many of these processors are on cores of their own.
int physical_cores(std::span<const int> processors, const std::string& root);

// The tightest limit on processor time, in processors, of this process's control group and those
// that it is nested in; infinite without one. Understands version 1, version 2 and both together.
double cpu_time_limit(const std::string& root);

}  // namespace gptoss::cpu
