#include "softmetal/api/metal/command_queue.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "softmetal/api/autorelease.h"
#include "softmetal/api/metal/command_buffer.h"
#include "softmetal/api/metal/device.h"
#include "softmetal/api/work.h"
#include "softmetal/state.h"

namespace softmetal::api {

void QueueThread::enqueue(CommandBuffer* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool known = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const Entry& e) { return e.buffer == buffer; });
  if (!known) entries_.push_back({buffer, nullptr});
}

void QueueThread::commit(CommandBuffer* buffer) {
  enqueue(buffer);
  buffer->retain();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.buffer == buffer) entry.work = std::make_unique<Work>();
  }
  changed_.notify_all();
}

void QueueThread::forget(CommandBuffer* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                [&](const Entry& e) { return e.buffer == buffer; }),
                 entries_.end());
  changed_.notify_all();
}

void QueueThread::stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool QueueThread::begin_buffer() {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool room =
      changed_.wait_for(lock, std::chrono::seconds(10), [&] { return outstanding_ < most_; });
  if (room) ++outstanding_;
  return room;
}

void QueueThread::end_buffer() {
  const std::lock_guard<std::mutex> lock(mutex_);
  --outstanding_;
  changed_.notify_all();
}

QueueThread::Entry QueueThread::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] {
    return (!entries_.empty() && entries_.front().work) || (stopped_ && entries_.empty());
  });
  if (entries_.empty()) return {nullptr, nullptr};
  Entry entry = std::move(entries_.front());
  entries_.pop_front();
  return entry;
}

void QueueThread::run(const std::shared_ptr<QueueThread>& self) {
  for (;;) {
    Entry entry = self->next();
    if (entry.buffer == nullptr) return;
    const Ref<AutoreleasePool> pool = Ref<AutoreleasePool>::adopt(new AutoreleasePool);
    entry.buffer->execute();
    entry.buffer->release();
  }
}

CommandQueue::CommandQueue(Device* device, uint64_t most_buffers)
    : Labelled(cls()),
      device_(Ref<Device>::share(device)),
      id_(next_id()),
      thread_(std::make_shared<QueueThread>(most_buffers)) {
  std::thread(&QueueThread::run, thread_).detach();
}

CommandQueue::~CommandQueue() { thread_->stop(); }

std::vector<Ref<ResidencySet>> CommandQueue::residency_sets() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return sets_;
}

CommandBuffer* CommandQueue::make(bool retained) {
  if (fault_hits(Fault::object_allocation)) return nullptr;
  if (!thread_->begin_buffer()) {
    report({"api", "", "-[MTLCommandQueue commandBuffer]", "",
            "the queue has its maximum of unfinished command buffers and none ends"});
    return nullptr;
  }
  return autoreleased(new CommandBuffer(this, retained));
}

CommandBuffer* CommandQueue::buffer() { return make(true); }
CommandBuffer* CommandQueue::unretained_buffer() { return make(false); }
CommandBuffer* CommandQueue::buffer_with(Object* descriptor) {
  auto* given = static_cast<CommandBufferDescriptor*>(descriptor);
  return make(given == nullptr || given->retained());
}

void CommandQueue::add_set(ResidencySet* set) {
  const std::lock_guard<std::mutex> lock(mutex_);
  sets_.push_back(Ref<ResidencySet>::share(set));
}

void CommandQueue::add_sets(ResidencySet* const* sets, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) add_set(sets[i]);
}

void CommandQueue::remove_set(ResidencySet* set) {
  const std::lock_guard<std::mutex> lock(mutex_);
  sets_.erase(std::remove_if(sets_.begin(), sets_.end(),
                             [&](const Ref<ResidencySet>& s) { return s.get() == set; }),
              sets_.end());
}

void CommandQueue::remove_sets(ResidencySet* const* sets, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) remove_set(sets[i]);
}

const Class& CommandQueue::cls() {
  using T = CommandQueue;
  static const Class& cls =
      *new Class("MTLCommandQueue", &Labelled::cls(), nullptr,
                 {method<&T::device>("device"), method<&T::buffer>("commandBuffer"),
                  method<&T::unretained_buffer>("commandBufferWithUnretainedReferences"),
                  method<&T::buffer_with>("commandBufferWithDescriptor:"),
                  method<&T::add_set>("addResidencySet:", 15),
                  method<&T::add_sets>("addResidencySets:count:", 15),
                  method<&T::remove_set>("removeResidencySet:", 15),
                  method<&T::remove_sets>("removeResidencySets:count:", 15)});
  return cls;
}

}  // namespace softmetal::api
