// MTLDevice: new buffers.
#include <cstring>
#include <string>

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

void refuse(const char* call, const std::string& what) {
  const std::string name = std::string("-[MTLDevice ") + call + "]";
  report({"api", "", name, "", name + ": " + what});
}

}  // namespace

bool Device::may_allocate(uint64_t bytes, const char* call) {
  if (bytes == 0) {
    refuse(call, "a buffer of length 0 is asked for");
    return false;
  }
  const uint64_t most = settings().max_buffer_length;
  if (bytes > most) {
    refuse(call, "a buffer of " + std::to_string(bytes) +
                     " bytes is longer than maxBufferLength (" + std::to_string(most) + ")");
    return false;
  }
  return !fault_hits(Fault::buffer_allocation);
}

Buffer* Device::buffer(uint64_t bytes, uint64_t options) {
  if (!may_allocate(bytes, "newBufferWithLength:options:")) return nullptr;
  const std::shared_ptr<Memory> memory = Memory::allocate(bytes);
  return memory ? new Buffer(this, memory, options) : nullptr;
}

Buffer* Device::buffer_copy(const void* data, uint64_t bytes, uint64_t options) {
  if (!may_allocate(bytes, "newBufferWithBytes:length:options:")) return nullptr;
  const std::shared_ptr<Memory> memory = Memory::allocate(bytes);
  if (!memory) return nullptr;
  std::memcpy(memory->data, data, bytes);
  return new Buffer(this, memory, options);
}

Buffer* Device::buffer_no_copy(void* data, uint64_t bytes, uint64_t options,
                               const void* deallocator) {
  constexpr const char* kCall = "newBufferWithBytesNoCopy:length:options:deallocator:";
  if (!may_allocate(bytes, kCall)) return nullptr;
  if (reinterpret_cast<uintptr_t>(data) % Memory::kPage != 0 || bytes % Memory::kPage != 0) {
    refuse(kCall, "pointer and length (" + std::to_string(bytes) +
                      ") of a no-copy buffer must be multiples of the page size, 16384");
    return nullptr;
  }
  return new Buffer(this, Memory::wrap(data, bytes, deallocator), options);
}

}  // namespace softmetal::api
