// Watches checked dispatches and the encoders they stand in, and reports what is wrong with them:
// accesses out of bounds, uninitialised threadgroup memory, races, missing barriers and fences.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "softmetal/check/buffer_info.h"
#include "softmetal/control.h"
#include "softmetal/engine/dispatch.h"

namespace softmetal {

// A range that a blit command reads or writes.
struct TransferRange {
  const uint8_t* data;
  uint64_t bytes;
  bool write;
};

// One object for the whole device; every call may come from any thread. Encoders, command buffers
// and queues are named by numbers of the caller's, never reused; buffers by their first byte,
// fences and events by the address of their object.
//
// Call order: command_buffer_committed() when the host commits; then, when the command buffer is
// executed, its commands in order: encoder_began, use_resource, {run | transfer | encoder_barrier |
// fence_waited | fence_updated}, encoder_ended, event_…; command_buffer_finished at its end.
class Checker : public Observer {
 public:
  Checker();
  ~Checker() override;

  // Returns the number by which buffer_destroyed() knows it.
  uint64_t buffer_created(const BufferInfo& buffer);
  void buffer_labelled(const uint8_t* data, const std::string& label);
  void buffer_destroyed(const uint8_t* data, uint64_t id);

  void command_buffer_committed(uint64_t queue, uint64_t command_buffer);
  void command_buffer_finished(uint64_t command_buffer);
  // The host has learnt that the command buffer is complete: waitUntilCompleted returned, a
  // completed handler runs, or status was read as completed. It and all earlier ones of its queue
  // are then ordered before every command buffer that is committed later. (A shared event's value
  // seen by the host: event_seen.)
  void completion_seen(uint64_t command_buffer);
  void event_seen(const void* event, uint64_t value);

  void encoder_began(uint64_t encoder, uint64_t command_buffer, bool concurrent,
                     const std::string& label);
  // useResource, useHeap or a residency set; `writable` for sets and MTLResourceUsageWrite.
  void use_resource(uint64_t encoder, const uint8_t* data, bool writable);
  // memoryBarrierWithScope:Buffers, or (with `resources`) memoryBarrierWithResources.
  void encoder_barrier(uint64_t encoder);
  void encoder_barrier(uint64_t encoder, const std::vector<const uint8_t*>& resources);
  void fence_updated(uint64_t encoder, const void* fence);
  void fence_waited(uint64_t encoder, const void* fence);
  void fence_destroyed(const void* fence);
  void encoder_ended(uint64_t encoder);
  void event_signalled(uint64_t command_buffer, const void* event, uint64_t value);
  void event_signalled_by_host(const void* event, uint64_t value);
  void event_waited(uint64_t command_buffer, const void* event, uint64_t value);
  void event_destroyed(const void* event);

  // Runs the dispatch under observation (one at a time, whatever the queue) and returns what it
  // adds to its kernel's ledger.
  LedgerEntry run(uint64_t encoder, const Dispatch& dispatch, const Schedule& schedule);
  // A blit's accesses, before they are made: checked against those of other commands. `name` is
  // for messages, as "fillBuffer".
  void transfer(uint64_t encoder, const std::string& name,
                const std::vector<TransferRange>& ranges);

  // From the engine, inside run().
  void begin_dispatch(const Dispatch& dispatch) override;
  void end_dispatch() override;
  void begin_group(const Size3& group, const Block* blocks, int count) override;
  void end_group() override;
  bool access(const ThreadPosition& thread, uintptr_t pc, const void* address, uint64_t bytes,
              bool write, bool atomic) override;
  void barrier(BarrierScope scope, uint32_t simdgroup, uint32_t flags) override;
  void divergence(const std::string& description) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace softmetal
