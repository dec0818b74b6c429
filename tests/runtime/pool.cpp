// The thread pool, on its own. Prints "right", or what is wrong. Built with the thread sanitizer.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/thread_pool.h"

namespace {

using gptoss::cpu::ThreadPool;
using namespace std::chrono_literals;

// Every item is done once, and no two threads share a number at a time.
std::string does_each_item_once() {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    const auto in_use = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(threads));
    for (const int64_t items : {0, 1, 2, 3, 7, 100, 3000}) {
      for (int round = 0; round < 30; ++round) {
        std::vector<int> done(static_cast<size_t>(items), 0);  // not atomic: the sanitizer looks
        std::atomic<bool> shared{false};
        pool.run(items, [&](int64_t item, int thread) {
          if (in_use[static_cast<size_t>(thread)].exchange(true)) shared = true;
          ++done[static_cast<size_t>(item)];
          in_use[static_cast<size_t>(thread)] = false;
        });
        if (shared) return "two threads with one number";
        for (const int times : done) {
          if (times != 1) return "an item done " + std::to_string(times) + " times";
        }
      }
    }
  }
  return "";
}

// Whoever has the first item or the last is held up until all others are done.
std::string takes_over_from_threads_that_are_held_up() {
  ThreadPool pool(3);
  for (int round = 0; round < 200; ++round) {
    constexpr int64_t kItems = 60;
    std::atomic<int> done{0};
    std::atomic<bool> late{false};
    pool.run(kItems, [&](int64_t item, int) {
      const auto end = std::chrono::steady_clock::now() + 20s;
      while ((item == 0 || item == kItems - 1) && done < kItems - 2 && !late) {
        if (std::chrono::steady_clock::now() > end) late = true;
        std::this_thread::yield();
      }
      ++done;
    });
    if (late) return "items of a thread that is held up wait for it";
  }
  return "";
}

std::string goes_on_after_exceptions() {
  ThreadPool pool(3);
  for (int64_t bad = 0; bad < 50; ++bad) {
    try {
      pool.run(50, [&](int64_t item, int) {
        if (item == bad) throw std::runtime_error("planted");
      });
      return "an exception got lost";
    } catch (const std::runtime_error&) {
    }
    std::atomic<int> done{0};
    pool.run(50, [&](int64_t, int) { ++done; });
    if (done != 50) return "a job after an exception is not done";
  }
  return "";
}

std::string takes_jobs_of_several_callers() {
  ThreadPool pool(3);
  int sum = 0;  // not atomic: jobs take turns, and items of one job add to values of their own
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        pool.run(2, [&](int64_t item, int) {
          if (item == 0) ++sum;
        });
        if (round % 50 == 0) std::this_thread::sleep_for(1ms);  // long enough for workers to sleep
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return sum == 900 ? "" : "jobs mixed up";
}

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string uses_no_processor_when_idle() {
  ThreadPool pool(4);
  pool.run(100, [](int64_t, int) {});
  std::this_thread::sleep_for(50ms);
  const double before = processor_seconds();
  std::this_thread::sleep_for(1s);
  return processor_seconds() - before < 0.1 ? "" : "idle threads use the processor";
}

}  // namespace

int main() {
  const std::function<std::string()> checks[] = {
      does_each_item_once, takes_over_from_threads_that_are_held_up, goes_on_after_exceptions,
      takes_jobs_of_several_callers, uses_no_processor_when_idle};
  for (const auto& check : checks) {
    if (const std::string wrong = check(); !wrong.empty()) {
      std::puts(wrong.c_str());
      return 1;
    }
  }
  std::puts("right");
}
