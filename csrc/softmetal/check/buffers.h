// The device's live buffers, found by address.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "softmetal/check/buffer_info.h"
#include "softmetal/check/shadow.h"

namespace softmetal {

struct Buffer {
  explicit Buffer(const BufferInfo& given);
  BufferInfo info;
  uint64_t id = 0;  // counts the buffers of the process; never reused
  std::atomic<bool> destroyed = false;
  PageTable pages;  // touched by the running dispatch
};

class BufferTable {
 public:
  // Returns the buffer's number.
  uint64_t created(const BufferInfo& info);
  void labelled(const uint8_t* data, const std::string& label);
  // Does nothing if another buffer has taken the place of this one: memory of the program itself
  // may be mapped anew before the last command buffer lets go of a no-copy buffer.
  void destroyed(const uint8_t* data, uint64_t id);
  // The live buffer in whose slot the address lies, or nullptr.
  std::shared_ptr<Buffer> live(uintptr_t address) const;
  // A buffer that was released, in whose former slot the address lies, or nullptr.
  std::shared_ptr<Buffer> dead(uintptr_t address) const;
  std::string label(const Buffer& buffer) const;

 private:
  mutable std::mutex mutex_;
  std::map<uintptr_t, std::shared_ptr<Buffer>> live_;  // by the slot's end
  std::deque<std::shared_ptr<Buffer>> dead_;
  uint64_t count_ = 0;
};

}  // namespace softmetal
