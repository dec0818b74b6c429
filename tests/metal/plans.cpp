// What csrc/metal/plan.h decides, without Metal. Both commands read steps, one per line.
//
// barriers  "kernel layer buffer:offset:length …", a slice for each of the kernel's buffers: writes
//           for each step whether a barrier stands before it, B or a point.
// cuts      "kernel count argument …", the arguments as unsigned numbers: writes where each command
//           buffer ends, then for each step the rows of its parts (of attention).
#include <iostream>
#include <sstream>
#include <string>

#include "metal/args.h"
#include "metal/plan.h"

namespace {

using namespace gptoss::metal;

Kernel kernel_named(const std::string& name) {
  const auto kernel = find_kernel(name);
  if (!kernel) throw std::invalid_argument(name);
  return *kernel;
}

void barriers() {
  Hazards hazards;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string name;
    Step step{};
    words >> name >> step.layer;
    step.kernel = kernel_named(name);
    for (size_t i = 0; i < info(step.kernel).parameters.size(); ++i) {
      uint64_t buffer = 0;
      char colon = 0;
      Slice& slice = step.buffers[i];
      words >> buffer >> colon >> slice.offset >> colon >> slice.length;
      slice.buffer = reinterpret_cast<MTL::Buffer*>(buffer + 1);
    }
    const bool barrier = hazards.conflicts(step);
    if (barrier) hazards.clear();
    hazards.add(step);
    std::cout << (barrier ? 'B' : '.');
  }
  std::cout << '\n';
}

void cuts() {
  std::vector<Step> steps;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string name;
    Step step{};
    words >> name >> step.count;
    step.kernel = kernel_named(name);
    uint32_t argument = 0;
    for (size_t i = 0; words >> argument; ++i) {
      std::memcpy(step.args.data() + 4 * i, &argument, sizeof argument);
    }
    steps.push_back(step);
  }
  for (size_t next = 0; next < steps.size();) {
    next = command_buffer_end(steps, next);
    std::cout << next << ' ';
  }
  std::cout << '\n';
  for (const Step& step : steps) {
    std::cout << rows_per_part(step, static_cast<int>(step.count), GPTOSS_QUERY_TILE) << ' ';
  }
  std::cout << '\n';
}

}  // namespace

int main(int, char** arguments) {
  if (std::string(arguments[1]) == "barriers") {
    barriers();
  } else {
    cuts();
  }
}
