#include "softmetal/api/metal/memory.h"

#include <sys/mman.h>

namespace softmetal::api {

namespace {

constexpr uint64_t kScratch = uint64_t{1} << 20;  // before and behind a buffer's memory

std::atomic<uint64_t>& total_bytes() {
  static std::atomic<uint64_t> bytes{0};
  return bytes;
}

}  // namespace

std::shared_ptr<Memory> Memory::allocate(uint64_t bytes) {
  const uint64_t inside = (bytes + kPage - 1) / kPage * kPage;
  const uint64_t reserved = inside + 2 * kScratch + kPage;
  void* slot = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (slot == MAP_FAILED) return nullptr;
  const auto first = reinterpret_cast<uintptr_t>(slot) + kScratch;
  auto* data = reinterpret_cast<uint8_t*>((first + kPage - 1) / kPage * kPage);
  return std::make_shared<Memory>(data, bytes, static_cast<uint8_t*>(slot), reserved, nullptr);
}

std::shared_ptr<Memory> Memory::wrap(void* data, uint64_t bytes, const void* deallocator) {
  return std::make_shared<Memory>(static_cast<uint8_t*>(data), bytes, nullptr, 0, deallocator);
}

Memory::Memory(uint8_t* data, uint64_t bytes, uint8_t* slot, uint64_t slot_bytes,
               const void* deallocator)
    : data(data), bytes(bytes), slot(slot), slot_bytes(slot_bytes), deallocator_(deallocator) {
  kind = "buffer";
  total_bytes() += allocated();
}

Memory::~Memory() {
  total_bytes() -= allocated();
  if (slot != nullptr) munmap(slot, slot_bytes);
  if (deallocator_) deallocator_(data, bytes);
}

uint64_t Memory::total() { return total_bytes(); }

}  // namespace softmetal::api
