// One OS thread's part of a dispatch: runs threadgroups, one after the other.
#pragma once

#include <string>

#include "softmetal/engine/arena.h"
#include "softmetal/engine/compiled_kernel.h"
#include "softmetal/engine/dispatch.h"

namespace softmetal {

class Worker {
 public:
  Worker(const Dispatch& dispatch, const Schedule& schedule, Observer* observer);

  // False when its threads diverged or made an impossible access; the group is then abandoned.
  bool run_group(uint64_t index);
  const std::string& divergence() const { return divergence_; }

 private:
  void bind_arguments();
  // Sets what depends on the group's shape: lanes, simdgroups, their rings.
  void arrange(const Size3& threads, uint64_t salt);
  void place(const Size3& position);
  void fill_threadgroup_memory();

  // What kernels call.
  static const abi::Calls& calls();
  static void diverge(abi::Group* group, const abi::Site* first, const abi::Site* second);
  static void barrier(abi::Group* group, abi::Simdgroup* simdgroup, unsigned flags);
  static void access(unsigned long long pc, const volatile void* address, unsigned long long bytes,
                     int write, int atomic);
  static Worker& current() { return *static_cast<Worker*>(abi::current_group()->engine); }
  const ThreadPosition& position();  // of the running thread
  [[noreturn]] void abandon();

  const Dispatch& dispatch_;
  const Schedule& schedule_;
  const CompiledKernel& kernel_;
  Observer* observer_;
  ArenaLease lease_;
  abi::Group& group_;
  Size3 arranged_{0, 0, 0};  // the shape that arrange() set
  abi::Fiber* first_ = nullptr;
  std::vector<abi::Fiber*> starts_;  // of each simdgroup: the first fiber of its ring
  std::vector<Observer::Block> blocks_;
  const abi::Fiber* located_ = nullptr;  // whose position is in position_
  ThreadPosition position_;
  std::string divergence_;
  bool abandoned_ = false;
};

}  // namespace softmetal
