// Watches checked dispatches and the encoders they stand in.
#include "softmetal/check/checker.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "softmetal/check/buffers.h"
#include "softmetal/check/dispatch_check.h"
#include "softmetal/check/order.h"

namespace softmetal {

class Checker::Impl {
 public:
  BufferTable buffers;
  std::mutex order_mutex;
  CommandOrder order;
  std::map<uint64_t, std::map<const uint8_t*, bool>> resident;  // by encoder
  std::vector<uint64_t> retired;  // command buffers whose history can go

  std::mutex run_mutex;  // one command at a time; guards what follows
  std::vector<std::unique_ptr<PastCommand>> history;
  PagePool pool;
  std::map<const uint8_t*, bool> resident_now;
  std::unique_ptr<PastCommand> current;
  std::optional<DispatchCheck> check;

  void begin(uint64_t encoder, const std::string& name, const std::string& label);
  LedgerEntry end();
  void drop_retired();
  void collect_retired();
};

// Called with order_mutex held.
void Checker::Impl::collect_retired() {
  const auto more = order.retire();
  retired.insert(retired.end(), more.begin(), more.end());
}

void Checker::Impl::drop_retired() {
  std::vector<uint64_t> gone;
  {
    const std::lock_guard lock(order_mutex);
    gone = std::exchange(retired, {});
  }
  if (gone.empty()) return;
  std::sort(gone.begin(), gone.end());
  std::erase_if(history, [&](const auto& past) {
    return std::binary_search(gone.begin(), gone.end(), past->command.command_buffer);
  });
}

// Called with run_mutex held.
void Checker::Impl::begin(uint64_t encoder, const std::string& name, const std::string& label) {
  drop_retired();
  current = std::make_unique<PastCommand>();
  current->name = name;
  Surroundings around;
  {
    const std::lock_guard lock(order_mutex);
    current->command = order.next(encoder);
    const std::string& of_encoder = order.label(encoder);
    if (!label.empty()) current->label = "\"" + label + "\"";
    if (!of_encoder.empty()) {
      current->label += (label.empty() ? "encoder \"" : " in encoder \"") + of_encoder + "\"";
    }
    const auto found = resident.find(encoder);
    resident_now = found == resident.end() ? std::map<const uint8_t*, bool>{} : found->second;
    for (const auto& past : history) {
      if (!order.ordered(past->command, current->command, nullptr)) {
        around.unordered.push_back(past.get());
      }
    }
  }
  around.buffers = &buffers;
  around.pool = &pool;
  around.resident = &resident_now;
  around.ordered = [this](const Command& earlier, const Command& later, const Buffer& buffer) {
    const std::lock_guard lock(order_mutex);
    return order.ordered(earlier, later, buffer.info.data);
  };
  check.emplace(*current, std::move(around));
}

LedgerEntry Checker::Impl::end() {
  const LedgerEntry counts = check->finish();
  check.reset();
  history.push_back(std::move(current));
  return counts;
}

Checker::Checker() : impl_(std::make_unique<Impl>()) {}
Checker::~Checker() = default;

uint64_t Checker::buffer_created(const BufferInfo& buffer) {
  return impl_->buffers.created(buffer);
}

void Checker::buffer_labelled(const uint8_t* data, const std::string& label) {
  impl_->buffers.labelled(data, label);
}

void Checker::buffer_destroyed(const uint8_t* data, uint64_t id) {
  impl_->buffers.destroyed(data, id);
}

void Checker::command_buffer_committed(uint64_t queue, uint64_t command_buffer) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.committed(queue, command_buffer);
}

void Checker::command_buffer_finished(uint64_t command_buffer) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.finished(command_buffer);
  impl_->collect_retired();
}

void Checker::completion_seen(uint64_t command_buffer) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.completion_seen(command_buffer);
  impl_->collect_retired();
}

void Checker::event_seen(const void* event, uint64_t value) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.event_seen(event, value);
}

void Checker::encoder_began(uint64_t encoder, uint64_t command_buffer, bool concurrent,
                            const std::string& label) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.encoder_began(encoder, command_buffer, concurrent, label);
}

void Checker::use_resource(uint64_t encoder, const uint8_t* data, bool writable) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->resident[encoder][data] |= writable;
}

void Checker::encoder_barrier(uint64_t encoder) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.barrier(encoder);
}

void Checker::encoder_barrier(uint64_t encoder, const std::vector<const uint8_t*>& resources) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.barrier(encoder, resources);
}

void Checker::fence_updated(uint64_t encoder, const void* fence) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.fence_updated(encoder, fence);
}

void Checker::fence_waited(uint64_t encoder, const void* fence) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.fence_waited(encoder, fence);
}

void Checker::fence_destroyed(const void* fence) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.fence_destroyed(fence);
}

void Checker::encoder_ended(uint64_t encoder) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->resident.erase(encoder);
}

void Checker::event_signalled(uint64_t command_buffer, const void* event, uint64_t value) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.event_signalled(command_buffer, event, value);
}

void Checker::event_signalled_by_host(const void* event, uint64_t value) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.event_signalled_by_host(event, value);
}

void Checker::event_waited(uint64_t command_buffer, const void* event, uint64_t value) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.event_waited(command_buffer, event, value);
}

void Checker::event_destroyed(const void* event) {
  const std::lock_guard lock(impl_->order_mutex);
  impl_->order.event_destroyed(event);
}

LedgerEntry Checker::run(uint64_t encoder, const Dispatch& dispatch, const Schedule& schedule) {
  const std::lock_guard lock(impl_->run_mutex);
  impl_->begin(encoder, dispatch.kernel->signature().name, dispatch.label);
  try {
    softmetal::run(dispatch, schedule, this);
  } catch (...) {
    impl_->end();
    throw;
  }
  LedgerEntry counts = impl_->end();
  counts.dispatches = 1;
  counts.threadgroups = dispatch.groups.count();
  return counts;
}

void Checker::transfer(uint64_t encoder, const std::string& name,
                       const std::vector<TransferRange>& ranges) {
  const std::lock_guard lock(impl_->run_mutex);
  impl_->begin(encoder, name, "");
  for (const TransferRange& range : ranges) {
    impl_->check->transfer(reinterpret_cast<uintptr_t>(range.data), range.bytes, range.write);
  }
  impl_->end();
}

void Checker::begin_dispatch(const Dispatch& dispatch) {
  PastCommand& current = *impl_->current;
  current.kernel = dispatch.kernel;
  current.groups = dispatch.groups;
  current.threads = dispatch.threads;
  current.grid = dispatch.grid;
  impl_->check->bind(dispatch);
}

void Checker::end_dispatch() {}

void Checker::begin_group(const Size3& group, const Block* blocks, int count) {
  impl_->check->begin_group(group, blocks, count);
}

void Checker::end_group() {}

bool Checker::access(const ThreadPosition& thread, uintptr_t pc, const void* address,
                     uint64_t bytes, bool write, bool atomic) {
  return impl_->check->access(thread, pc, reinterpret_cast<uintptr_t>(address), bytes, write,
                              atomic);
}

void Checker::barrier(BarrierScope scope, uint32_t simdgroup, uint32_t flags) {
  impl_->check->barrier(scope, simdgroup, flags);
}

void Checker::divergence(const std::string& description) { impl_->check->divergence(description); }

}  // namespace softmetal
