// What encoders record and the queue's thread executes later.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "softmetal/api/metal/event.h"
#include "softmetal/api/metal/memory.h"
#include "softmetal/api/metal/pipeline.h"
#include "softmetal/engine/dispatch.h"

namespace softmetal::api {

// The bytes of one setBytes call, with scratch behind them.
struct InlineBytes {
  static constexpr std::size_t kScratch = 256;
  InlineBytes(const void* bytes, std::size_t length);
  uint8_t* data() { return &storage[0].bytes[0]; }
  std::size_t length;

 private:
  struct alignas(16) Unit {
    uint8_t bytes[16];
  };
  std::vector<Unit> storage;
};

// What is bound to a buffer index: a part of a buffer, or inline bytes, or nothing.
struct Bound {
  std::shared_ptr<Memory> memory;
  uint64_t offset = 0;
  std::shared_ptr<InlineBytes> bytes;
  explicit operator bool() const { return memory != nullptr || bytes != nullptr; }
  uint64_t length() const;
};

struct EncoderBegin {
  uint64_t encoder;
  bool concurrent;
  std::string label;
};
struct EncoderEnd {
  uint64_t encoder;
};
struct UseResource {
  uint64_t encoder;
  std::shared_ptr<Memory> memory;
  bool writable;
};
struct DispatchCommand {
  uint64_t encoder;
  std::shared_ptr<Pipeline> pipeline;
  std::array<Bound, kBufferSlots> buffers;
  std::array<uint32_t, kThreadgroupSlots> threadgroup_bytes{};
  Size3 groups, threads;
  Size3 grid{0, 0, 0};               // in threads, if the last threadgroups are partial
  std::shared_ptr<Memory> indirect;  // groups are read from it when the command runs
  uint64_t indirect_offset = 0;
  std::string label;
};
struct BarrierCommand {
  uint64_t encoder;
  bool all;  // false: only these resources
  std::vector<const uint8_t*> resources;
};
struct FenceUpdate {
  uint64_t encoder;
  std::shared_ptr<Lifetime> fence;
};
struct FenceWait {
  uint64_t encoder;
  std::shared_ptr<Lifetime> fence;
};
struct CopyCommand {
  uint64_t encoder;
  std::shared_ptr<Memory> from, to;
  uint64_t from_offset, to_offset, bytes;
};
struct FillCommand {
  uint64_t encoder;
  std::shared_ptr<Memory> memory;
  uint64_t offset, bytes;
  uint8_t value;
};
struct EventSignal {
  std::shared_ptr<EventValue> event;
  uint64_t value;
};
struct EventWait {
  std::shared_ptr<EventValue> event;
  uint64_t value;
};

using Command =
    std::variant<EncoderBegin, EncoderEnd, UseResource, DispatchCommand, BarrierCommand,
                 FenceUpdate, FenceWait, CopyCommand, FillCommand, EventSignal, EventWait>;

}  // namespace softmetal::api
