#include "metal/memory.h"

#include <cstdio>

#include "metal/failure.h"
#include "metal/residency.h"

namespace gptoss::metal {

namespace {

constexpr MTL::ResourceOptions kUntracked = MTL::ResourceHazardTrackingModeUntracked;
constexpr uint64_t kStep = uint64_t{1} << 30;  // to raise the limit by when the need is not known

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace

void Buffer::reset() {
  if (residency_ != nullptr) residency_->release(*this);
  residency_ = nullptr;
  buffer_ = {};
  if (memory_ != nullptr) memory_->used_ -= bytes_;
  memory_ = nullptr;
  bytes_ = 0;
}

void Memory::check_fits(uint64_t bytes, const std::string& what) const {
  const uint64_t total = used() + bytes;
  if (total <= facts_.working_set) return;
  const std::string beside = used() == 0 ? "" : " beside the " + gigabytes(used()) + " in use";
  throw failure(what + " needs " + gigabytes(bytes) + beside + ", and the GPU should use at most " +
                    gigabytes(facts_.working_set),
                "a shorter context or a smaller chunk, a smaller model, or " + raise_limit(total));
}

template <class Make>
Buffer Memory::make(uint64_t bytes, const std::string& what, Make make) {
  if (bytes > facts_.max_buffer_length) {
    throw failure(what + " needs a buffer of " + gigabytes(bytes) +
                      ", and this GPU allows at most " + gigabytes(facts_.max_buffer_length),
                  "a shorter context or a smaller chunk, or a smaller model");
  }
  check_fits(bytes, what);
  used_ += bytes;
  Buffer buffer(owned(make()), this, bytes);
  if (buffer.get() == nullptr) {
    throw failure("macOS gave no memory for " + what + " (" + gigabytes(bytes) + ")",
                  "a shorter context or a smaller chunk, closing other programs, or " +
                      raise_limit(facts_.working_set + kStep));
  }
  buffer.get()->setLabel(ns_string(what).get());
  return buffer;
}

Buffer Memory::allocate(uint64_t bytes, Storage storage, const std::string& what) {
  const MTL::ResourceOptions mode =
      storage == Storage::shared ? MTL::ResourceStorageModeShared : MTL::ResourceStorageModePrivate;
  return make(bytes, what, [&] { return device_->newBuffer(bytes, mode | kUntracked); });
}

Buffer Memory::wrap(const void* pages, uint64_t bytes, const std::string& what) {
  return make(bytes, what, [&] {
    return device_->newBuffer(pages, bytes, MTL::ResourceStorageModeShared | kUntracked, nullptr);
  });
}

}  // namespace gptoss::metal
