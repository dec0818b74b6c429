#include "runtime/backends.h"

#if defined(GPTOSS_METAL) && defined(__APPLE__)
#include <algorithm>

#include "metal/device_facts.h"
#include "model/error.h"
#endif

namespace gptoss {

std::vector<std::string> backends() {
#ifdef GPTOSS_METAL
  return {"cpu", "metal"};
#else
  return {"cpu"};
#endif
}

std::string default_backend() {
#if defined(GPTOSS_METAL) && defined(__APPLE__)
  try {
    // The kernels need what the M1's GPU has; Intel Macs and some virtual machines have less.
    const std::vector<std::string> families = metal::device_facts().families;
    return std::ranges::find(families, "Apple7") != families.end() ? "metal" : "cpu";
  } catch (const Error&) {
    return "cpu";  // a virtual machine without a GPU
  }
#else
  return "cpu";
#endif
}

}  // namespace gptoss
