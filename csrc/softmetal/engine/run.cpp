// Spreads the threadgroups of a dispatch over OS threads.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "softmetal/engine/order.h"
#include "softmetal/engine/worker.h"

namespace softmetal {
namespace {

void require(bool condition, const Dispatch& dispatch, const std::string& what) {
  if (!condition)
    throw std::runtime_error("[softmetal] kernel '" + dispatch.kernel->signature().name +
                             "': " + what);
}

void check(const Dispatch& dispatch, const CompiledKernel& kernel, const Observer* observer) {
  const uint64_t threads = dispatch.threads.count();
  require(threads >= 1 && threads <= abi::kMaxThreads, dispatch,
          "a threadgroup has 1 to 1024 threads, not " + std::to_string(threads));
  require(kernel.checked() == (observer != nullptr), dispatch,
          "checked kernels, and only those, are observed");
  for (const KernelArgument& argument : kernel.signature().arguments) {
    if (argument.kind != KernelArgument::Kind::buffer) continue;
    require(dispatch.buffers[argument.index].data != nullptr, dispatch,
            "nothing is bound to '" + argument.name + "', buffer(" +
                std::to_string(argument.index) + ")");
  }
}

class GroupRange {
 public:
  GroupRange(const Dispatch& dispatch, const Schedule& schedule) : count_(dispatch.groups.count()) {
    if (schedule.order != Order::forward) order_ = ordered(schedule, count_, 0);
  }
  // False when there are no more.
  bool next(uint64_t& group) {
    const uint64_t i = taken_.fetch_add(1, std::memory_order_relaxed);
    if (i >= count_) return false;
    group = order_.empty() ? i : order_[i];
    return true;
  }
  void stop() { taken_.store(count_, std::memory_order_relaxed); }

 private:
  uint64_t count_;
  std::vector<uint32_t> order_;
  std::atomic<uint64_t> taken_{0};
};

// Returns the description of a divergence, or nothing.
std::string work(const Dispatch& dispatch, const Schedule& schedule, Observer* observer,
                 GroupRange& groups) {
  Worker worker(dispatch, schedule, observer);
  for (uint64_t group = 0; groups.next(group);) {
    if (!worker.run_group(group)) {
      groups.stop();
      break;
    }
  }
  return worker.divergence();
}

}  // namespace

void run(const Dispatch& dispatch, const Schedule& schedule, Observer* observer) {
  const auto& kernel = static_cast<const CompiledKernel&>(*dispatch.kernel);
  check(dispatch, kernel, observer);
  if (observer) observer->begin_dispatch(dispatch);
  GroupRange groups(dispatch, schedule);
  const uint64_t workers =
      observer ? 1 : std::min<uint64_t>(std::max(schedule.os_threads, 1), dispatch.groups.count());
  std::vector<std::string> divergences(std::max<uint64_t>(workers, 1));
  std::vector<std::thread> others;
  for (uint64_t i = 1; i < workers; ++i)
    others.emplace_back([&, i] { divergences[i] = work(dispatch, schedule, nullptr, groups); });
  divergences[0] = work(dispatch, schedule, observer, groups);
  for (std::thread& thread : others) thread.join();
  kernel.module().collect_coverage();
  if (observer) {
    observer->end_dispatch();
    return;
  }
  for (const std::string& divergence : divergences)
    require(divergence.empty(), dispatch, divergence);
}

}  // namespace softmetal
