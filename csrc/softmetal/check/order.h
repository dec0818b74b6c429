// Which commands of the GPU are ordered before which, by what the program itself asked for:
// barriers and serial encoders, fences, events, and the host's waiting for completion. Never by the
// chance of the order in which they ran here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace softmetal {

// The index-th dispatch or blit command of an encoder.
struct Command {
  uint64_t encoder = 0;
  uint32_t index = 0;
  uint64_t command_buffer = 0;
};

// What is known to be complete at some point.
struct Knowledge {
  std::map<uint64_t, uint32_t> commands;   // encoder -> its first n commands
  std::map<uint64_t, uint64_t> completed;  // queue -> its command buffers up to the n-th commit
  void merge(const Knowledge& other);
};

// Not locked: its owner does that.
class CommandOrder {
 public:
  void committed(uint64_t queue, uint64_t command_buffer);
  void finished(uint64_t command_buffer);
  void completion_seen(uint64_t command_buffer);
  void event_seen(const void* event, uint64_t value);

  void encoder_began(uint64_t encoder, uint64_t command_buffer, bool concurrent,
                     const std::string& label);
  void barrier(uint64_t encoder);
  void barrier(uint64_t encoder, const std::vector<const uint8_t*>& resources);
  void fence_updated(uint64_t encoder, const void* fence);
  void fence_waited(uint64_t encoder, const void* fence);
  void fence_destroyed(const void* fence) { fences_.erase(fence); }
  void event_signalled(uint64_t command_buffer, const void* event, uint64_t value);
  void event_signalled_by_host(const void* event, uint64_t value);
  void event_waited(uint64_t command_buffer, const void* event, uint64_t value);
  void event_destroyed(const void* event) { events_.erase(event); }

  // The encoder's next command.
  Command next(uint64_t encoder);
  // Whether `earlier` is complete when `later` begins, for the buffer at `resource`.
  bool ordered(const Command& earlier, const Command& later, const uint8_t* resource) const;
  const std::string& label(uint64_t encoder) const;
  // Forgets the command buffers that are ordered before everything to come, and, beyond a limit,
  // the oldest ones; returns them.
  std::vector<uint64_t> retire();

 private:
  struct Encoder {
    uint64_t command_buffer = 0;
    bool concurrent = false;
    std::string label;
    uint32_t commands = 0;
    Knowledge known;
    std::map<const uint8_t*, uint32_t> resource_barriers;  // buffer -> commands before it
  };
  struct CommandBuffer {
    uint64_t queue = 0;
    uint64_t serial = 0;  // counts the commits of the queue
    bool finished = false;
    Knowledge known;
    std::vector<uint64_t> encoders;
  };

  bool seen_by_all(const CommandBuffer& buffer) const;
  void forget(uint64_t command_buffer);

  std::map<uint64_t, Encoder> encoders_;
  std::map<uint64_t, CommandBuffer> command_buffers_;
  std::map<uint64_t, uint64_t> commits_;  // queue -> count
  std::map<const void*, Knowledge> fences_;
  std::map<const void*, std::map<uint64_t, Knowledge>> events_;  // event -> value -> at its signal
  Knowledge host_;
};

}  // namespace softmetal
