// A few threads that share the items of one job at a time. Items are handed out one by one, so
// that fast and slow cores finish together.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gptoss::cpu {

class ThreadPool {
 public:
  // `threads` counts the calling thread; 0 means one per processor.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(item, thread) for item in 0 .. items - 1 and returns when all are done; `thread` is
  // 0 .. threads() - 1 and tells the caller's scratch memory apart. Jobs of different callers take
  // turns. When `body` throws, the first exception is rethrown here after all threads have stopped.
  // `body` must not call run().
  void run(int64_t items, const std::function<void(int64_t, int)>& body);

 private:
  void work(int thread);
  void take_items(int thread);
  void wait_until_left();

  std::vector<std::thread> workers_;
  std::mutex turn_;
  const std::function<void(int64_t, int)>* body_ = nullptr;
  int64_t items_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<uint32_t> job_{0};  // counts jobs; workers wait for it to change
  // A job waits for the workers inside it, not for all: one that the system has not scheduled yet
  // finds the job closed and costs nothing.
  std::atomic<bool> open_{false};
  std::atomic<int> inside_{0};
  std::atomic<bool> stop_{false};
  std::mutex failure_lock_;
  std::exception_ptr failure_;
};

}  // namespace gptoss::cpu
