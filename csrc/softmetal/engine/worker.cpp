// Sets up threadgroups and runs their fibers.
#include "softmetal/engine/worker.h"

#include <algorithm>
#include <cstring>

#include "softmetal/engine/order.h"
#include "softmetal/msl/fiber.h"

namespace softmetal {
namespace {

constexpr abi::Site kFinish = abi::Site::make(nullptr, 0, 0, abi::Meeting::finish, 0);
constexpr size_t kRedzone = 4096;  // around each threadgroup block

// The first function of every fiber. The last one to finish returns to run_group.
void fiber_main() {
  abi::Group* group = abi::current_group();
  group->launch(group, group->current);
  abi::meet_group(group, kFinish);
  abi::switch_fiber(group->current, &group->scheduler);
  __builtin_unreachable();
}

// Leaves the stack we are on and runs `first`; returns when the threadgroup is done or abandoned.
__attribute__((noinline)) void enter(abi::Group& group, abi::Fiber* first) {
  group.current = first;
  abi::switch_fiber(&group.scheduler, first);
}

std::string describe(const abi::Site& site) {
  if (site.kind() == abi::Meeting::finish) return "the end of the kernel";
  const char* kind = site.kind() == abi::Meeting::collective          ? "a simdgroup function"
                     : site.kind() == abi::Meeting::simdgroup_barrier ? "simdgroup_barrier"
                                                                      : "threadgroup_barrier";
  return std::string(kind) + " at " + site.file + ":" + std::to_string(site.line());
}

std::string text(const Size3& position) {
  return "(" + std::to_string(position.x) + ", " + std::to_string(position.y) + ", " +
         std::to_string(position.z) + ")";
}

void copy(unsigned (&target)[3], const Size3& size) {
  target[0] = size.x;
  target[1] = size.y;
  target[2] = size.z;
}

}  // namespace

Worker::Worker(const Dispatch& dispatch, const Schedule& schedule, Observer* observer)
    : dispatch_(dispatch),
      schedule_(schedule),
      kernel_(static_cast<const CompiledKernel&>(*dispatch.kernel)),
      observer_(observer),
      group_((*lease_).group()) {
  group_ = {};
  group_.calls = calls();
  group_.observed = observer != nullptr;
  group_.launch = kernel_.launch();
  group_.engine = this;
  copy(group_.groups, dispatch.groups);
  copy(group_.dispatched, dispatch.threads);
  const Size3 all{dispatch.groups.x * dispatch.threads.x, dispatch.groups.y * dispatch.threads.y,
                  dispatch.groups.z * dispatch.threads.z};
  copy(group_.grid, dispatch.grid.count() == 0 ? all : dispatch.grid);
  bind_arguments();
}

const abi::Calls& Worker::calls() {
  static constexpr abi::Calls table = {&Worker::diverge, &Worker::barrier, &Worker::access};
  return table;
}

void Worker::bind_arguments() {
  for (int i = 0; i < kBufferSlots; ++i) group_.buffers[i] = dispatch_.buffers[i].data;
  size_t bytes = kRedzone;
  for (const uint32_t length : dispatch_.threadgroup_bytes) bytes += length + kRedzone + 128;
  uint8_t* at = (*lease_).threadgroup_memory(bytes) + kRedzone;
  for (int i = 0; i < kThreadgroupSlots; ++i) {
    const uint32_t length = dispatch_.threadgroup_bytes[i];
    group_.threadgroup[i] = at;
    if (length == 0) continue;
    blocks_.push_back({i, at, length});
    at += (length + 127) / 128 * 128 + kRedzone;
  }
}

void Worker::fill_threadgroup_memory() {
  // Every float format reads this as a NaN.
  for (const Observer::Block& block : blocks_) std::memset(block.data, 0xff, block.bytes);
}

void Worker::arrange(const Size3& threads, uint64_t salt) {
  Arena& arena = *lease_;
  const uint32_t count = static_cast<uint32_t>(threads.count());
  const uint32_t simdgroups = (count + kSimdWidth - 1) / kSimdWidth;
  group_.simdgroups = simdgroups;
  copy(group_.threads, threads);
  starts_.assign(simdgroups, nullptr);
  for (uint32_t i = 0; i < count; ++i) {
    abi::Fiber& fiber = arena.fiber(i);
    fiber.index = i;
    fiber.lane = i % kSimdWidth;
    fiber.x = i % threads.x;
    fiber.y = i / threads.x % threads.y;
    fiber.z = i / threads.x / threads.y;
    fiber.simdgroup = &arena.simdgroup(i / kSimdWidth);
  }
  for (uint32_t s = 0; s < simdgroups; ++s) {
    abi::Simdgroup& simdgroup = arena.simdgroup(s);
    simdgroup.width = std::min(kSimdWidth, count - s * kSimdWidth);
    simdgroup.index = s;
    const auto ring = ordered(schedule_, simdgroup.width, salt * 37 + s + 1);
    for (size_t i = 0; i < ring.size(); ++i)
      arena.fiber(s * kSimdWidth + ring[i]).next =
          &arena.fiber(s * kSimdWidth + ring[(i + 1) % ring.size()]);
    starts_[s] = &arena.fiber(s * kSimdWidth + ring[0]);
  }
  const auto ring = ordered(schedule_, simdgroups, salt * 41);
  for (size_t i = 0; i < ring.size(); ++i)
    arena.simdgroup(ring[i]).next = &arena.simdgroup(ring[(i + 1) % ring.size()]);
  first_ = starts_[ring[0]];
  arranged_ = threads;
}

void Worker::place(const Size3& position) {
  Arena& arena = *lease_;
  copy(group_.position, position);
  for (uint32_t s = 0; s < group_.simdgroups; ++s) {
    abi::Simdgroup& simdgroup = arena.simdgroup(s);
    simdgroup.arrived = 0;
    simdgroup.running = starts_[s];
  }
  group_.waiting = 0;
  located_ = nullptr;
  const uint32_t count = arranged_.x * arranged_.y * arranged_.z;
  const uint32_t x = position.x * dispatch_.threads.x, y = position.y * dispatch_.threads.y,
                 z = position.z * dispatch_.threads.z;
  for (uint32_t i = 0; i < count; ++i) {
    abi::Fiber& fiber = arena.fiber(i);
    fiber.stack = arena.stack_top(i);
    fiber.frame = fiber.base = nullptr;
    fiber.resume = reinterpret_cast<void*>(&fiber_main);
    fiber.grid_x = x + fiber.x;
    fiber.grid_y = y + fiber.y;
    fiber.grid_z = z + fiber.z;
  }
}

bool Worker::run_group(uint64_t index) {
  const Size3& groups = dispatch_.groups;
  const Size3 position{static_cast<uint32_t>(index % groups.x),
                       static_cast<uint32_t>(index / groups.x % groups.y),
                       static_cast<uint32_t>(index / groups.x / groups.y)};
  Size3 threads = dispatch_.threads;
  threads.x = std::min(threads.x, group_.grid[0] - position.x * threads.x);
  threads.y = std::min(threads.y, group_.grid[1] - position.y * threads.y);
  threads.z = std::min(threads.z, group_.grid[2] - position.z * threads.z);
  const bool same =
      threads.x == arranged_.x && threads.y == arranged_.y && threads.z == arranged_.z;
  if (!same || schedule_.order == Order::seeded) arrange(threads, index);
  place(position);
  fill_threadgroup_memory();
  if (observer_) observer_->begin_group(position, blocks_.data(), static_cast<int>(blocks_.size()));
  enter(group_, first_);
  if (observer_) observer_->end_group();
  return !abandoned_;
}

const ThreadPosition& Worker::position() {
  const abi::Fiber& fiber = *group_.current;
  if (located_ != &fiber) {
    position_ = {{group_.position[0], group_.position[1], group_.position[2]},
                 {fiber.x, fiber.y, fiber.z},
                 fiber.index,
                 fiber.simdgroup->index,
                 fiber.lane};
    located_ = &fiber;
  }
  return position_;
}

void Worker::diverge(abi::Group* group, const abi::Site* first, const abi::Site* second) {
  Worker& worker = *static_cast<Worker*>(group->engine);
  const ThreadPosition& thread = worker.position();
  worker.divergence_ =
      "threads of one " + std::string(first == &group->site ? "threadgroup" : "simdgroup") +
      " diverge: some came to " + describe(*first) + ", thread " + text(thread.thread) +
      " of group " + text(thread.group) + " came to " + describe(*second);
  if (worker.observer_) worker.observer_->divergence(worker.divergence_);
  worker.abandon();
}

void Worker::abandon() {
  abandoned_ = true;
  abi::switch_fiber(group_.current, &group_.scheduler);
  __builtin_unreachable();
}

void Worker::barrier(abi::Group* group, abi::Simdgroup* simdgroup, unsigned flags) {
  Worker& worker = *static_cast<Worker*>(group->engine);
  worker.observer_->barrier(simdgroup ? BarrierScope::simdgroup : BarrierScope::threadgroup,
                            simdgroup ? simdgroup->index : 0, flags);
}

void Worker::access(unsigned long long pc, const volatile void* address, unsigned long long bytes,
                    int write, int atomic) {
  Worker& worker = current();
  // Constant tables of the program are its own.
  if (!worker.observer_ || worker.kernel_.module().contains(reinterpret_cast<uintptr_t>(address)))
    return;
  const bool possible =
      worker.observer_->access(worker.position(), static_cast<uintptr_t>(pc),
                               const_cast<const void*>(address), bytes, write != 0, atomic != 0);
  if (!possible) worker.abandon();
}

}  // namespace softmetal
