// The device's live buffers, found by address.
#include "softmetal/check/buffers.h"

#include <algorithm>

namespace softmetal {

namespace {

constexpr size_t kMaxDead = 1024;  // released buffers that are remembered

uintptr_t slot_begin(const Buffer& buffer) { return reinterpret_cast<uintptr_t>(buffer.info.slot); }

uintptr_t slot_end(const Buffer& buffer) { return slot_begin(buffer) + buffer.info.slot_bytes; }

}  // namespace

Buffer::Buffer(const BufferInfo& given) : info(given), pages(given.bytes) {
  if (info.slot == nullptr) {
    info.slot = info.data;
    info.slot_bytes = info.bytes;
  }
}

uint64_t BufferTable::created(const BufferInfo& info) {
  auto buffer = std::make_shared<Buffer>(info);
  const std::lock_guard lock(mutex_);
  buffer->id = ++count_;
  std::erase_if(dead_, [&](const auto& old) {
    return slot_begin(*old) < slot_end(*buffer) && slot_begin(*buffer) < slot_end(*old);
  });
  const uint64_t id = buffer->id;
  live_[slot_end(*buffer)] = std::move(buffer);
  return id;
}

void BufferTable::labelled(const uint8_t* data, const std::string& label) {
  const auto buffer = live(reinterpret_cast<uintptr_t>(data));
  const std::lock_guard lock(mutex_);
  if (buffer) buffer->info.label = label;
}

void BufferTable::destroyed(const uint8_t* data, uint64_t id) {
  const auto buffer = live(reinterpret_cast<uintptr_t>(data));
  if (!buffer || buffer->id != id) return;
  const std::lock_guard lock(mutex_);
  buffer->destroyed = true;
  live_.erase(slot_end(*buffer));
  // Memory that the program itself owns (no-copy) may serve other ends from now on.
  if (buffer->info.slot != buffer->info.data || buffer->info.slot_bytes > buffer->info.bytes) {
    dead_.push_back(buffer);
    if (dead_.size() > kMaxDead) dead_.pop_front();
  }
}

std::shared_ptr<Buffer> BufferTable::live(uintptr_t address) const {
  const std::lock_guard lock(mutex_);
  const auto found = live_.upper_bound(address);
  if (found == live_.end() || address < slot_begin(*found->second)) return nullptr;
  return found->second;
}

std::shared_ptr<Buffer> BufferTable::dead(uintptr_t address) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(dead_.begin(), dead_.end(), [&](const auto& buffer) {
    return slot_begin(*buffer) <= address && address < slot_end(*buffer);
  });
  return found == dead_.end() ? nullptr : *found;
}

std::string BufferTable::label(const Buffer& buffer) const {
  const std::lock_guard lock(mutex_);
  return buffer.info.label;
}

}  // namespace softmetal
