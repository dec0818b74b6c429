// How many threads are worth starting: the processors that this process may use, not those that
// the machine has.
#pragma once

#include <span>
#include <string>

namespace gptoss::cpu {

// At least 1. On Linux one per physical core that the affinity mask allows (two threads of one
// core share its units and its path to memory), and no more than the control groups' processor
// time. On macOS the performance cores: a slow one would only delay the rest.
int usable_cores();

// The parts of it, for Linux's files below `root` ("" for the machine's own). A file that cannot
// be read or understood sets no limit.

// How many of these processors are on cores of their own.
int physical_cores(std::span<const int> processors, const std::string& root);

// The tightest limit on processor time, in processors, of this process's control group and those
// that it is nested in; infinite without one. Understands version 1, version 2 and both together.
double cpu_time_limit(const std::string& root);

}  // namespace gptoss::cpu
