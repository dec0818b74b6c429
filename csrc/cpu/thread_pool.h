// A few threads that share the items of one job at a time. Each starts with an equal run of
// neighbouring items and, when it has done them, takes half of what another has left: so threads
// finish together on fast and slow cores, and one that the system takes its core from delays the
// job by the item it is at, not by those it has not begun.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cpu/item_range.h"

namespace gptoss::cpu {

class ThreadPool {
 public:
  // `threads` counts the calling thread; 0 means as many as there are usable cores.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(item, thread) for item in 0 .. items - 1 (fewer than 2^32) and returns when all are
  // done; `thread` is 0 .. threads() - 1 and tells the caller's scratch memory apart. Jobs of
  // different callers take turns. When `body` throws, the first exception is rethrown here after
  // all threads have stopped. `body` must not call run().
  void run(int64_t items, const std::function<void(int64_t, int)>& body);

 private:
  void share_out(int64_t items);
  void wait_until_left();
  void work(int thread);
  void wait_for_job(uint32_t seen);
  void do_items(int thread);
  ItemRange::Items next_item(int thread);

  const int threads_;
  std::vector<std::thread> workers_;
  std::mutex turn_;
  const std::function<void(int64_t, int)>* body_ = nullptr;
  std::unique_ptr<ItemRange[]> ranges_;  // [threads_]
  std::atomic<uint32_t> job_{0};         // counts jobs; workers wait for it to change
  // A job waits for the workers inside it, not for all: one that the system has not scheduled yet
  // finds the job closed and costs nothing.
  std::atomic<bool> open_{false};
  std::atomic<int> inside_{0};
  std::atomic<bool> stop_{false};
  // Where threads sleep that have waited for too long.
  std::mutex sleep_;
  std::condition_variable job_begun_;
  std::condition_variable job_left_;
  std::atomic<int> sleepers_{0};         // workers
  std::atomic<bool> run_sleeps_{false};  // the thread in run()
  std::mutex failure_lock_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
};

}  // namespace gptoss::cpu
