// Device memory of one model: every buffer is made here, after a check that it fits.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "metal/device.h"
#include "metal/plan.h"

namespace gptoss::metal {

class Memory;
class Residency;

// One MTLBuffer. As long as it lives, its bytes are counted, and once Residency::add() has had it,
// it is resident. Its Memory and its Residency must outlive it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Ref<MTL::Buffer> buffer, Memory* memory, uint64_t bytes)
      : buffer_(std::move(buffer)), memory_(memory), bytes_(bytes) {}
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      swap(other);
    }
    return *this;
  }

  void reset();
  MTL::Buffer* get() const { return buffer_.get(); }
  uint64_t bytes() const { return bytes_; }
  // The whole buffer, or a part of it.
  Slice slice() const { return {get(), 0, bytes_}; }
  Slice slice(uint64_t offset, uint64_t length) const { return {get(), offset, length}; }
  // Of shared buffers only.
  template <class T>
  T* contents() const {
    return static_cast<T*>(buffer_->contents());
  }

 private:
  friend class Residency;
  void swap(Buffer& other) {
    std::swap(buffer_, other.buffer_);
    std::swap(memory_, other.memory_);
    std::swap(residency_, other.residency_);
    std::swap(bytes_, other.bytes_);
  }

  Ref<MTL::Buffer> buffer_;
  Memory* memory_ = nullptr;
  Residency* residency_ = nullptr;
  uint64_t bytes_ = 0;
};

class Memory {
 public:
  // Shared buffers are read or written by the CPU too, private ones by the GPU alone.
  enum class Storage { shared, gpu };

  Memory(MTL::Device* device, const DeviceFacts& facts) : device_(device), facts_(facts) {}

  // Throws Error, with the numbers and what helps, when `bytes` more are more than the GPU should
  // use. `what` names the thing in messages and as the buffer's label.
  void check_fits(uint64_t bytes, const std::string& what) const;
  Buffer allocate(uint64_t bytes, Storage storage, const std::string& what);
  // Wraps memory that stays where it is: whole pages of 16384 bytes, alive as long as the buffer.
  Buffer wrap(const void* pages, uint64_t bytes, const std::string& what);

  uint64_t used() const { return used_.load(); }
  uint64_t working_set() const { return facts_.working_set; }

 private:
  friend class Buffer;
  template <class Make>
  Buffer make(uint64_t bytes, const std::string& what, Make make);

  MTL::Device* device_;
  const DeviceFacts& facts_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace gptoss::metal
