#include "cpu/thread_pool.h"

#include <algorithm>
#include <utility>

namespace gptoss::cpu {

namespace {

// A decode step runs hundreds of short jobs; a worker that slept between them would cost more
// than the job. After about 20 microseconds without work it does sleep.
constexpr int kSpins = 4000;

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t items, const std::function<void(int64_t, int)>& body) {
  const std::lock_guard<std::mutex> lock(turn_);
  if (items == 1 || workers_.empty()) {
    for (int64_t i = 0; i < items; ++i) body(i, 0);
    return;
  }
  body_ = &body;
  items_ = items;
  next_.store(0, std::memory_order_relaxed);
  open_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  take_items(0);
  open_.store(false);
  wait_until_left();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

// Sequentially consistent on both sides: a worker enters and then looks whether the job is open,
// this closes the job and then looks who is inside, so one of them sees the other.
void ThreadPool::wait_until_left() {
  for (int spins = 0; int inside = inside_.load(); ++spins) {
    if (spins < kSpins) {
      pause_briefly();
    } else {
      inside_.wait(inside);
    }
  }
}

void ThreadPool::take_items(int thread) {
  try {
    for (int64_t i = next_.fetch_add(1); i < items_; i = next_.fetch_add(1)) (*body_)(i, thread);
  } catch (...) {
    const std::lock_guard<std::mutex> lock(failure_lock_);
    if (!failure_) failure_ = std::current_exception();
    next_.store(items_);  // nobody takes more
  }
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  while (true) {
    for (int spins = 0; job_.load(std::memory_order_acquire) == seen; ++spins) {
      if (spins < kSpins) {
        pause_briefly();
      } else {
        job_.wait(seen, std::memory_order_acquire);
      }
    }
    seen = job_.load();
    if (stop_.load()) return;
    inside_.fetch_add(1);
    if (open_.load()) take_items(thread);
    if (inside_.fetch_sub(1) == 1) inside_.notify_one();
  }
}

}  // namespace gptoss::cpu
