// The checks of one running dispatch.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "softmetal/check/buffers.h"
#include "softmetal/check/footprint.h"
#include "softmetal/check/group_memory.h"
#include "softmetal/check/region.h"
#include "softmetal/control.h"

namespace softmetal {

// Pages for reuse by later dispatches.
using PagePool = std::vector<std::unique_ptr<Page>>;

// What a dispatch meets: commands that are not ordered before it, by buffer (a barrier may name
// single buffers), and the buffers that are resident for its encoder (address -> writable).
struct Surroundings {
  BufferTable* buffers = nullptr;
  PagePool* pool = nullptr;
  const std::map<const uint8_t*, bool>* resident = nullptr;
  std::vector<const PastCommand*> unordered;
  std::function<bool(const Command& earlier, const Command& later, const Buffer& buffer)> ordered;
};

class DispatchCheck {
 public:
  // `self` names the command in messages and for later commands; its footprints are made by
  // finish().
  DispatchCheck(PastCommand& self, Surroundings around);
  ~DispatchCheck();

  void bind(const Dispatch& dispatch);
  void begin_group(const Size3& group, const Observer::Block* blocks, int count);
  bool access(const ThreadPosition& thread, uintptr_t pc, uintptr_t address, uint64_t bytes,
              bool write, bool atomic);
  void transfer(uintptr_t address, uint64_t bytes, bool write);
  void barrier(BarrierScope scope, uint32_t simdgroup, uint32_t flags);
  void divergence(const std::string& description);
  // Completes `self` and returns the counts.
  LedgerEntry finish();

 private:
  struct Access {
    const ThreadPosition* thread;  // nullptr for a blit
    uintptr_t pc;
    uint16_t instruction;
    uintptr_t address;
    uint64_t bytes;
    bool write, atomic;
  };
  // The running group's barriers, for one kind of memory.
  struct Times {
    uint32_t group = 0;
    std::array<uint32_t, 32> simdgroup{};
    Epochs of(uint32_t index) const { return {group, simdgroup[index]}; }
  };
  struct Recent {
    uintptr_t pc = 0;
    uint16_t instruction = 0;
    Region* region = nullptr;
  };

  uint16_t instruction_of(uintptr_t pc);
  Region* region_of(const Access& access);
  Region* add_region(const std::shared_ptr<Buffer>& buffer, uintptr_t begin, uintptr_t end);
  bool device_access(Region& region, const Access& access);
  void page_access(Region& region, const Access& access, uint32_t page, uint32_t first,
                   uint32_t count);
  Page& page_of(Region& region, uint32_t number);
  void check_prior(Region& region, Page& page, const Access& access, uint32_t first,
                   uint32_t count);
  bool group_access(const Access& access);
  Moment moment_of(const Access& access) const;

  std::string party(const Access& access) const;
  std::string party(const Moment& moment) const;
  bool is_new(int kind, uint16_t instruction, uint64_t other);
  void out_of_bounds(const Region& region, const Access& access);
  void nowhere(const Access& access);
  void report_race(const std::string& where, const Access& access,
                   const CellPage::Conflict& conflict, bool in_group_memory);
  // False: such a pair was reported before.
  bool report_prior(const Region& region, const Access& access, const PriorPage& prior,
                    bool other_writes, uint32_t page, uint32_t byte);
  void send(const std::string& kind, const std::string& first, const std::string& second,
            const std::string& what);

  PastCommand& self_;
  Surroundings around_;
  std::vector<std::unique_ptr<Region>> regions_;
  GroupMemory group_memory_;
  std::array<std::string, kThreadgroupSlots> group_names_;
  uint32_t group_ = 0;  // linear
  uint32_t time_ = 0;
  Times device_times_, group_times_;
  std::unordered_map<uintptr_t, uint16_t> instructions_;
  std::array<Recent, 1024> recent_{};
  std::set<std::tuple<int, uint16_t, uint64_t>> reported_;
  uint64_t cell_memory_ = 0;
  LedgerEntry counts_;
};

}  // namespace softmetal
