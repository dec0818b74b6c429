#include "softmetal/api/metal/execution.h"

#include <cstring>
#include <stdexcept>

#include "softmetal/state.h"

namespace softmetal::api {

InlineBytes::InlineBytes(const void* bytes, std::size_t length)
    : length(length), storage((length + kScratch + 15) / 16 + 1) {
  std::memcpy(data(), bytes, length);
}

uint64_t Bound::length() const {
  if (bytes) return bytes->length;
  return memory ? memory->bytes - offset : 0;
}

Failure Execution::run(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    std::visit(*this, command);
    if (failure_.code != 0) break;
  }
  return failure_;
}

void Execution::fail(int code, const std::string& text) {
  if (failure_.code == 0) failure_ = {code, text};
}

// Its destruction under a pending command buffer is reported where it happens (Resource).
bool Execution::usable(const std::shared_ptr<Lifetime>& resource) {
  if (!resource->released) return true;
  fail(MTL::CommandBufferErrorInvalidResource,
       resource->name() + " was destroyed before the command buffer ended");
  return false;
}

void Execution::operator()(const EncoderBegin& command) {
  if (!checked_) return;
  checker().encoder_began(command.encoder, command_buffer_, command.concurrent, command.label);
  for (const auto& memory : residents_) {
    if (!memory->released) checker().use_resource(command.encoder, memory->data, true);
  }
}

void Execution::operator()(const EncoderEnd& command) {
  if (checked_) checker().encoder_ended(command.encoder);
}

void Execution::operator()(const UseResource& command) {
  if (!usable(command.memory) || !checked_) return;
  checker().use_resource(command.encoder, command.memory->data, command.writable);
}

void Execution::operator()(const DispatchCommand& command) {
  Dispatch dispatch;
  dispatch.groups = command.groups;
  dispatch.threads = command.threads;
  dispatch.grid = command.grid;
  dispatch.threadgroup_bytes = command.threadgroup_bytes;
  dispatch.label = command.label;
  dispatch.id = next_id();
  if (!usable(command.pipeline)) return;
  for (int i = 0; i < kBufferSlots; ++i) {
    const Bound& bound = command.buffers[i];
    Binding& binding = dispatch.buffers[i];
    if (bound.memory && !usable(bound.memory)) return;
    if (bound.memory) {
      binding = {bound.memory->data + bound.offset, bound.length(), bound.memory->label()};
    } else if (bound.bytes) {
      binding = {bound.bytes->data(), bound.length(), ""};
    }
  }
  if (command.indirect) {
    if (!usable(command.indirect)) return;
    uint32_t groups[3];
    std::memcpy(groups, command.indirect->data + command.indirect_offset, sizeof groups);
    dispatch.groups = {groups[0], groups[1], groups[2]};
    if (dispatch.groups.count() == 0) return;
  }
  launch(command, dispatch);
}

void Execution::launch(const DispatchCommand& command, const Dispatch& dispatch) {
  const std::string& name = command.pipeline->signature().name;
  try {
    Dispatch ready = dispatch;
    ready.kernel = command.pipeline->kernel(checked_ ? Mode::checked : Mode::fast);
    LedgerEntry entry;
    if (checked_) {
      Schedule schedule = settings_.schedule;
      schedule.os_threads = 1;
      entry = checker().run(command.encoder, ready, schedule);
    } else {
      softmetal::run(ready, settings_.schedule, nullptr);
      entry.dispatches = 1;
      entry.threadgroups = ready.groups.count();
    }
    add_to_ledger(name, entry);
  } catch (const std::exception& problem) {
    report({"divergence", name, "", "", name + ": " + problem.what()});
    fail(MTL::CommandBufferErrorInternal, problem.what());
  }
}

void Execution::operator()(const BarrierCommand& command) {
  if (!checked_) return;
  if (command.all) {
    checker().encoder_barrier(command.encoder);
  } else {
    checker().encoder_barrier(command.encoder, command.resources);
  }
}

void Execution::operator()(const FenceUpdate& command) {
  if (usable(command.fence) && checked_) {
    checker().fence_updated(command.encoder, command.fence.get());
  }
}

void Execution::operator()(const FenceWait& command) {
  if (usable(command.fence) && checked_) {
    checker().fence_waited(command.encoder, command.fence.get());
  }
}

void Execution::operator()(const CopyCommand& command) {
  if (!usable(command.from) || !usable(command.to)) return;
  const uint8_t* from = command.from->data + command.from_offset;
  uint8_t* to = command.to->data + command.to_offset;
  if (checked_) {
    checker().transfer(command.encoder, "copyFromBuffer",
                       {{from, command.bytes, false}, {to, command.bytes, true}});
  }
  std::memmove(to, from, command.bytes);
}

void Execution::operator()(const FillCommand& command) {
  if (!usable(command.memory)) return;
  uint8_t* to = command.memory->data + command.offset;
  if (checked_) checker().transfer(command.encoder, "fillBuffer", {{to, command.bytes, true}});
  std::memset(to, command.value, command.bytes);
}

void Execution::operator()(const EventSignal& command) {
  if (checked_) {
    checker().event_signalled(command_buffer_, command.event.get(), command.value);
  }
  command.event->set(command.value);
}

void Execution::operator()(const EventWait& command) {
  command.event->wait(command.value, UINT64_MAX);
  if (checked_) checker().event_waited(command_buffer_, command.event.get(), command.value);
}

}  // namespace softmetal::api
