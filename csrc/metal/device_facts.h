// Facts about the GPU of this machine that decide what fits. Needs no Metal header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gptoss::metal {

struct DeviceFacts {
  std::string name;
  uint64_t max_buffer_length;  // bytes of one buffer
  uint64_t working_set;        // bytes the GPU should use in all
  uint64_t threadgroup_memory;
  bool unified_memory;
  bool residency_sets;                // macOS 15 and later
  std::vector<std::string> families;  // "Apple7", "Metal3", …
};

// Throws Error when there is no GPU.
DeviceFacts device_facts();

}  // namespace gptoss::metal
