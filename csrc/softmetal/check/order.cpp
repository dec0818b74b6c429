// Which commands of the GPU are ordered before which.
#include "softmetal/check/order.h"

#include <algorithm>

namespace softmetal {

namespace {

constexpr size_t kMaxCommandBuffers = 1024;  // remembered; beyond, the oldest are forgotten
constexpr size_t kMaxSignals = 256;          // per event

template <class Key, class Value>
void merge_maxima(std::map<Key, Value>& into, const std::map<Key, Value>& from) {
  for (const auto& [key, value] : from) {
    Value& mine = into[key];
    mine = std::max(mine, value);
  }
}

}  // namespace

void Knowledge::merge(const Knowledge& other) {
  merge_maxima(commands, other.commands);
  merge_maxima(completed, other.completed);
}

void CommandOrder::committed(uint64_t queue, uint64_t command_buffer) {
  CommandBuffer& buffer = command_buffers_[command_buffer];
  buffer.queue = queue;
  buffer.serial = ++commits_[queue];
  buffer.known = host_;
}

void CommandOrder::finished(uint64_t command_buffer) {
  const auto found = command_buffers_.find(command_buffer);
  if (found != command_buffers_.end()) found->second.finished = true;
}

void CommandOrder::completion_seen(uint64_t command_buffer) {
  const auto found = command_buffers_.find(command_buffer);
  if (found == command_buffers_.end()) return;
  uint64_t& completed = host_.completed[found->second.queue];
  completed = std::max(completed, found->second.serial);
}

void CommandOrder::event_seen(const void* event, uint64_t value) {
  const auto found = events_.find(event);
  if (found == events_.end()) return;
  const auto signal = found->second.lower_bound(value);
  if (signal != found->second.end()) host_.merge(signal->second);
}

void CommandOrder::encoder_began(uint64_t encoder, uint64_t command_buffer, bool concurrent,
                                 const std::string& label) {
  CommandBuffer& buffer = command_buffers_[command_buffer];
  buffer.encoders.push_back(encoder);
  Encoder& made = encoders_[encoder];
  made.command_buffer = command_buffer;
  made.concurrent = concurrent;
  made.label = label;
  made.known = buffer.known;
}

void CommandOrder::barrier(uint64_t encoder) {
  Encoder& here = encoders_[encoder];
  here.known.commands[encoder] = here.commands;
}

void CommandOrder::barrier(uint64_t encoder, const std::vector<const uint8_t*>& resources) {
  Encoder& here = encoders_[encoder];
  for (const uint8_t* resource : resources) here.resource_barriers[resource] = here.commands;
}

void CommandOrder::fence_updated(uint64_t encoder, const void* fence) {
  const Encoder& here = encoders_[encoder];
  Knowledge known = here.known;
  known.commands[encoder] = here.commands;
  fences_[fence] = std::move(known);
}

void CommandOrder::fence_waited(uint64_t encoder, const void* fence) {
  const auto found = fences_.find(fence);
  if (found != fences_.end()) encoders_[encoder].known.merge(found->second);
}

void CommandOrder::event_signalled(uint64_t command_buffer, const void* event, uint64_t value) {
  const CommandBuffer& buffer = command_buffers_[command_buffer];
  Knowledge known = buffer.known;
  for (const uint64_t encoder : buffer.encoders) {
    known.merge(encoders_[encoder].known);
    known.commands[encoder] = encoders_[encoder].commands;
  }
  auto& signals = events_[event];
  signals[value] = std::move(known);
  if (signals.size() > kMaxSignals) signals.erase(signals.begin());
}

void CommandOrder::event_signalled_by_host(const void* event, uint64_t value) {
  auto& signals = events_[event];
  signals[value] = host_;
  if (signals.size() > kMaxSignals) signals.erase(signals.begin());
}

void CommandOrder::event_waited(uint64_t command_buffer, const void* event, uint64_t value) {
  const auto found = events_.find(event);
  if (found == events_.end()) return;
  const auto signal = found->second.lower_bound(value);
  if (signal != found->second.end()) command_buffers_[command_buffer].known.merge(signal->second);
}

Command CommandOrder::next(uint64_t encoder) {
  Encoder& here = encoders_[encoder];
  if (!here.concurrent) here.known.commands[encoder] = here.commands;
  return {encoder, here.commands++, here.command_buffer};
}

bool CommandOrder::ordered(const Command& earlier, const Command& later,
                           const uint8_t* resource) const {
  const auto here = encoders_.find(later.encoder);
  if (here == encoders_.end()) return true;
  const Knowledge& known = here->second.known;
  const auto commands = known.commands.find(earlier.encoder);
  if (commands != known.commands.end() && earlier.index < commands->second) return true;
  if (earlier.encoder == later.encoder) {
    const auto barrier = here->second.resource_barriers.find(resource);
    return barrier != here->second.resource_barriers.end() && earlier.index < barrier->second;
  }
  const auto buffer = command_buffers_.find(earlier.command_buffer);
  if (buffer == command_buffers_.end()) return true;  // retired
  const auto completed = known.completed.find(buffer->second.queue);
  return completed != known.completed.end() && buffer->second.serial <= completed->second;
}

const std::string& CommandOrder::label(uint64_t encoder) const {
  static const std::string none;
  const auto found = encoders_.find(encoder);
  return found == encoders_.end() ? none : found->second.label;
}

bool CommandOrder::seen_by_all(const CommandBuffer& buffer) const {
  const auto seen = [&](const Knowledge& known) {
    const auto completed = known.completed.find(buffer.queue);
    return completed != known.completed.end() && buffer.serial <= completed->second;
  };
  if (!seen(host_)) return false;
  return std::all_of(command_buffers_.begin(), command_buffers_.end(), [&](const auto& other) {
    return other.second.finished || seen(other.second.known);
  });
}

std::vector<uint64_t> CommandOrder::retire() {
  std::vector<uint64_t> retired;
  for (const auto& [id, buffer] : command_buffers_) {
    const bool too_many = command_buffers_.size() - retired.size() > kMaxCommandBuffers;
    if (buffer.finished && (too_many || seen_by_all(buffer))) retired.push_back(id);
  }
  for (const uint64_t id : retired) forget(id);
  return retired;
}

void CommandOrder::forget(uint64_t command_buffer) {
  const auto found = command_buffers_.find(command_buffer);
  for (const uint64_t encoder : found->second.encoders) {
    encoders_.erase(encoder);
    const auto strip = [&](Knowledge& known) { known.commands.erase(encoder); };
    strip(host_);
    for (auto& [id, other] : encoders_) strip(other.known);
    for (auto& [id, other] : command_buffers_) strip(other.known);
    for (auto& [id, known] : fences_) strip(known);
    for (auto& [id, signals] : events_) {
      for (auto& [value, known] : signals) strip(known);
    }
  }
  command_buffers_.erase(found);
}

}  // namespace softmetal
