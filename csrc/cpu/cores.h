// How many threads are worth starting: the processors that this process may use, not those that
// the machine has.
#pragma once

namespace gptoss::cpu {

// At least 1. On Linux one per physical core that the affinity mask allows (two threads of one
// core share its units and its path to memory), and no more than the control groups' processor
// time. On macOS the performance cores: a slow one would only delay the rest.
int usable_cores();

}  // namespace gptoss::cpu
