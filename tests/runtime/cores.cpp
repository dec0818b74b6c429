// cores ROOT PROCESSOR...   prints how many cores these processors are on, and the limit on
// processor time, as the files below ROOT have it.
#include "cpu/linux_cores.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int count, char** words) {
  if (count < 2) return 2;
  std::vector<int> processors;
  for (int i = 2; i < count; ++i) processors.push_back(std::atoi(words[i]));
  std::printf("%d %g\n", gptoss::cpu::physical_cores(processors, words[1]),
              gptoss::cpu::cpu_time_limit(words[1]));
}
