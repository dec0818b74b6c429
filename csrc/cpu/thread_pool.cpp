#include "cpu/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cpu/cores.h"

namespace gptoss::cpu {

namespace {

using Clock = std::chrono::steady_clock;

// A decode step runs hundreds of short jobs with little between them; a thread that slept in
// between would take longer to wake than the job. One that waits for longer does sleep: somebody
// else may need its core, and most of all a thread of this pool that has lost its own.
constexpr std::chrono::microseconds kSpinTime{30};
constexpr int kPausesPerLook = 16;  // between looks at the clock: under a microsecond

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // "yield" takes no time on most such processors
#endif
}

// Whether `done()` came true in time.
template <class Done>
bool spin_until(const Done& done) {
  const Clock::time_point end = Clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (Clock::now() < end);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads : usable_cores()),
      ranges_(std::make_unique<ItemRange[]>(static_cast<size_t>(threads_))) {
  for (int i = 1; i < threads_; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  {
    const std::lock_guard<std::mutex> lock(sleep_);
    job_.fetch_add(1);
  }
  job_begun_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t items, const std::function<void(int64_t, int)>& body) {
  const std::lock_guard<std::mutex> lock(turn_);
  if (items <= 1 || workers_.empty()) {
    for (int64_t i = 0; i < items; ++i) body(i, 0);
    return;
  }
  body_ = &body;
  share_out(items);
  open_.store(true);
  job_.fetch_add(1);
  if (sleepers_.load() > 0) {
    {
      const std::lock_guard<std::mutex> sleeping(sleep_);
    }
    job_begun_.notify_all();
  }
  do_items(0);
  open_.store(false);
  wait_until_left();
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::share_out(int64_t items) {
  for (int i = 0; i < threads_; ++i) {
    ranges_[static_cast<size_t>(i)].set({static_cast<uint32_t>(items * i / threads_),
                                         static_cast<uint32_t>(items * (i + 1) / threads_)});
  }
}

// Sequentially consistent on both sides: a worker enters and then looks whether the job is open,
// this closes the job and then looks who is inside, so one of them sees the other. In the same way
// this says that it sleeps and then looks once more, and the last worker leaves and then looks
// whether anybody sleeps.
void ThreadPool::wait_until_left() {
  const auto left = [this] { return inside_.load() == 0; };
  if (spin_until(left)) return;
  std::unique_lock<std::mutex> lock(sleep_);
  run_sleeps_.store(true);
  job_left_.wait(lock, left);
  run_sleeps_.store(false);
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  while (true) {
    wait_for_job(seen);
    seen = job_.load();
    if (stop_.load()) return;
    inside_.fetch_add(1);
    if (open_.load()) do_items(thread);
    if (inside_.fetch_sub(1) == 1 && run_sleeps_.load()) {
      {
        const std::lock_guard<std::mutex> lock(sleep_);
      }
      job_left_.notify_one();
    }
  }
}

void ThreadPool::wait_for_job(uint32_t seen) {
  const auto begun = [this, seen] { return job_.load() != seen; };
  if (spin_until(begun)) return;
  std::unique_lock<std::mutex> lock(sleep_);
  sleepers_.fetch_add(1);
  job_begun_.wait(lock, begun);
  sleepers_.fetch_sub(1);
}

void ThreadPool::do_items(int thread) {
  try {
    while (!failed_.load(std::memory_order_relaxed)) {
      const ItemRange::Items item = next_item(thread);
      if (item.empty()) return;
      (*body_)(item.first, thread);
    }
  } catch (...) {
    const std::lock_guard<std::mutex> lock(failure_lock_);
    if (!failure_) failure_ = std::current_exception();
    failed_.store(true);
  }
}

ItemRange::Items ThreadPool::next_item(int thread) {
  ItemRange& own = ranges_[static_cast<size_t>(thread)];
  if (const ItemRange::Items item = own.take_first(); !item.empty()) return item;
  for (int i = 1; i < threads_; ++i) {
    const ItemRange::Items half = ranges_[static_cast<size_t>((thread + i) % threads_)].take_half();
    if (half.empty()) continue;
    own.set({half.first + 1, half.last});
    return {half.first, half.first + 1};
  }
  return {0, 0};
}

}  // namespace gptoss::cpu
