// Runs the threads of one dispatch.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "softmetal/engine/program.h"

namespace softmetal {

constexpr int kBufferSlots = 31;
constexpr int kThreadgroupSlots = 31;
constexpr uint32_t kSimdWidth = 32;

struct Size3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

// What is bound to a buffer index: `data` .. `data + length` is the part of the buffer from its
// offset on.
struct Binding {
  uint8_t* data = nullptr;  // nullptr = nothing bound
  uint64_t length = 0;
  std::string label;  // the buffer's label, for messages
};

struct Dispatch {
  std::shared_ptr<Kernel> kernel;
  std::array<Binding, kBufferSlots> buffers;
  std::array<uint32_t, kThreadgroupSlots> threadgroup_bytes{};
  Size3 groups;   // threadgroups
  Size3 threads;  // per threadgroup
  // Threads of the whole grid when its last threadgroups are partial (dispatchThreads); else 0.
  Size3 grid{0, 0, 0};
  uint64_t id = 0;  // counts dispatches of this process
  std::string label;
};

enum class Order { forward, reverse, seeded };

struct Schedule {
  Order order = Order::forward;  // of threadgroups, and of fibers in a group
  uint64_t seed = 0;
  int os_threads = 1;  // checked mode always takes one
};

// Which thread of the dispatch is running on this OS thread.
struct ThreadPosition {
  Size3 group;         // threadgroup in grid (indices)
  Size3 thread;        // in threadgroup (indices)
  uint32_t index = 0;  // linear in threadgroup
  uint32_t simdgroup = 0;
  uint32_t lane = 0;
};

enum class BarrierScope { threadgroup, simdgroup };

// Is told of everything that a checked dispatch does; runs on the engine's thread, so it must not
// call kernels. `thread` is the running one.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void begin_dispatch(const Dispatch& dispatch) = 0;
  virtual void end_dispatch() = 0;
  // Threadgroup memory: one block per bound [[threadgroup(n)]] argument.
  struct Block {
    int index;
    uint8_t* data;
    uint32_t bytes;
  };
  virtual void begin_group(const Size3& group, const Block* blocks, int count) = 0;
  virtual void end_group() = 0;
  // Called before the access is made. False: the memory is nobody's, so the access must not happen;
  // the dispatch is then abandoned as after a divergence (already reported by the observer).
  virtual bool access(const ThreadPosition& thread, uintptr_t pc, const void* address,
                      uint64_t bytes, bool write, bool atomic) = 0;
  // All threads of the scope have met at a barrier; flags are MSL's mem_flags (0 none, 1 device,
  // 2 threadgroup, …). For simdgroup scope `simdgroup` says which.
  virtual void barrier(BarrierScope scope, uint32_t simdgroup, uint32_t flags) = 0;
  // Threads wait at different meeting points, or some have finished: a description of both parties
  // with their lines. The dispatch is then abandoned.
  virtual void divergence(const std::string& description) = 0;
};

// Runs all threads; `observer` must be given for checked kernels and is null for fast ones. Throws
// std::runtime_error on divergence in fast mode.
void run(const Dispatch& dispatch, const Schedule& schedule, Observer* observer);

}  // namespace softmetal
