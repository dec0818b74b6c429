// The runtime functions that clang's code for blocks calls (Block-ABI-Apple).
#include "softmetal/api/block.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "softmetal/api/runtime.h"

namespace {

// Bits of a block's flags.
constexpr int kReferences = 0xfffe, kOneReference = 2;
constexpr int kOnHeap = 1 << 24, kHasCopyDispose = 1 << 25, kGlobal = 1 << 28;
// What a captured field is (low bits of the flags of _Block_object_assign).
constexpr int kObjectField = 3, kBlockField = 7, kByrefField = 8, kFieldMask = 15;
constexpr int kByrefCaller = 128;

struct Descriptor {
  uintptr_t reserved;
  uintptr_t size;
  void (*copy)(void* to, const void* from);
  void (*dispose)(const void* block);
};

struct BlockLayout {
  void* isa;
  std::atomic<int> flags;
  int reserved;
  void (*invoke)();
  const Descriptor* descriptor;
};

// A __block variable.
struct Byref {
  void* isa;
  Byref* forwarding;
  std::atomic<int> flags;
  uint32_t size;
  void (*keep)(Byref* to, Byref* from);
  void (*destroy)(Byref* variable);
};

BlockLayout* layout(const void* block) {
  return static_cast<BlockLayout*>(const_cast<void*>(block));
}

// The heap copy of a __block variable, made when the first block that captures it is copied; the
// frame that declared it holds one reference more.
Byref* copy_byref(Byref* variable) {
  Byref* original = variable->forwarding;
  if ((original->flags & kOnHeap) != 0) {
    original->flags += kOneReference;
    return original;
  }
  auto* made = static_cast<Byref*>(std::malloc(original->size));
  std::memcpy(static_cast<void*>(made), static_cast<const void*>(original), original->size);
  made->flags = (original->flags & ~kReferences) | kOnHeap | 2 * kOneReference;
  made->forwarding = made;
  original->forwarding = made;
  if ((original->flags & kHasCopyDispose) != 0) original->keep(made, original);
  return made;
}

void release_byref(Byref* variable) {
  Byref* shared = variable->forwarding;
  if ((shared->flags & kOnHeap) == 0) return;
  if (((shared->flags -= kOneReference) & kReferences) != 0) return;
  if ((shared->flags & kHasCopyDispose) != 0) shared->destroy(shared);
  std::free(shared);
}

}  // namespace

extern "C" {

void* _NSConcreteStackBlock[32];
void* _NSConcreteGlobalBlock[32];
void* _NSConcreteMallocBlock[32];

void* _Block_copy(const void* block) {
  BlockLayout* from = layout(block);
  if (from == nullptr || (from->flags & kGlobal) != 0) return from;
  if ((from->flags & kOnHeap) != 0) {
    from->flags += kOneReference;
    return from;
  }
  auto* made = static_cast<BlockLayout*>(std::malloc(from->descriptor->size));
  std::memcpy(static_cast<void*>(made), static_cast<const void*>(from), from->descriptor->size);
  made->isa = _NSConcreteMallocBlock;
  made->flags = (from->flags & ~kReferences) | kOnHeap | kOneReference;
  if ((from->flags & kHasCopyDispose) != 0) from->descriptor->copy(made, from);
  return made;
}

void _Block_release(const void* block) {
  BlockLayout* b = layout(block);
  if (b == nullptr || (b->flags & kOnHeap) == 0) return;
  if (((b->flags -= kOneReference) & kReferences) != 0) return;
  if ((b->flags & kHasCopyDispose) != 0) b->descriptor->dispose(b);
  std::free(b);
}

void _Block_object_assign(void* to, const void* object, const int flags) {
  void* value = const_cast<void*>(object);
  if ((flags & kByrefCaller) == 0) {
    switch (flags & kFieldMask) {
      case kObjectField:
        if (value != nullptr) static_cast<softmetal::api::Object*>(value)->retain();
        break;
      case kBlockField:
        value = _Block_copy(object);
        break;
      case kByrefField:
        value = copy_byref(static_cast<Byref*>(value));
        break;
      default:
        break;
    }
  }
  std::memcpy(to, static_cast<const void*>(&value), sizeof value);
}

void _Block_object_dispose(const void* object, const int flags) {
  if ((flags & kByrefCaller) != 0) return;
  void* value = const_cast<void*>(object);
  switch (flags & kFieldMask) {
    case kObjectField:
      if (value != nullptr) static_cast<softmetal::api::Object*>(value)->release();
      break;
    case kBlockField:
      _Block_release(object);
      break;
    case kByrefField:
      release_byref(static_cast<Byref*>(value));
      break;
    default:
      break;
  }
}
}
