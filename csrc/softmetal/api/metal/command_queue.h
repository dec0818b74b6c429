// MTLCommandQueue: hands out command buffers and executes them, in commit order, on one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "softmetal/api/metal/residency_set.h"
#include "softmetal/api/metal/resource.h"
#include "softmetal/api/work.h"

namespace softmetal::api {

class CommandBuffer;

// The queue's thread and its list. Outlives the queue object while command buffers are pending.
class QueueThread {
 public:
  explicit QueueThread(uint64_t most) : most_(most) {}
  // A place in the order, if it has none yet.
  void enqueue(CommandBuffer* buffer);
  // Executes the buffer when all before it are done; keeps a reference until then.
  void commit(CommandBuffer* buffer);
  // A command buffer that was never committed goes away.
  void forget(CommandBuffer* buffer);
  void stop();
  // Waits for room for one more command buffer; false after ten seconds.
  bool begin_buffer();
  void end_buffer();

  static void run(const std::shared_ptr<QueueThread>& self);

 private:
  struct Entry {
    CommandBuffer* buffer;
    std::unique_ptr<Work> work;  // committed: then the entry owns a reference too
  };
  // No buffer: stopped.
  Entry next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;
  const uint64_t most_;
  uint64_t outstanding_ = 0;
  bool stopped_ = false;
};

class CommandQueue : public Labelled {
 public:
  CommandQueue(Device* device, uint64_t most_buffers);
  ~CommandQueue() override;
  Device* device() { return device_.get(); }
  uint64_t id() const { return id_; }
  const std::shared_ptr<QueueThread>& thread() const { return thread_; }
  std::vector<Ref<ResidencySet>> residency_sets() const;
  static const Class& cls();

 private:
  CommandBuffer* buffer();
  CommandBuffer* unretained_buffer();
  CommandBuffer* buffer_with(Object* descriptor);
  CommandBuffer* make(bool retained);
  void add_set(ResidencySet* set);
  void add_sets(ResidencySet* const* sets, uint64_t count);
  void remove_set(ResidencySet* set);
  void remove_sets(ResidencySet* const* sets, uint64_t count);

  Ref<Device> device_;
  const uint64_t id_;
  std::shared_ptr<QueueThread> thread_;
  mutable std::mutex mutex_;
  std::vector<Ref<ResidencySet>> sets_;
};

}  // namespace softmetal::api
