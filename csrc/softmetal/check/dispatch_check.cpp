// The checks of one running dispatch.
#include "softmetal/check/dispatch_check.h"

#include <algorithm>
#include <utility>

#include "softmetal/check/parties.h"

namespace softmetal {

namespace {

constexpr uint64_t kMaxCellMemory = uint64_t{1} << 30;  // of the race detector, per dispatch
constexpr size_t kMaxPool = 16384;                      // pages kept for reuse
constexpr uintptr_t kBytesMargin = 256;                 // mapped behind the bytes of setBytes
constexpr uint32_t kFlagDevice = 1, kFlagThreadgroup = 2;

}  // namespace

DispatchCheck::DispatchCheck(PastCommand& self, Surroundings around)
    : self_(self), around_(std::move(around)) {}

DispatchCheck::~DispatchCheck() { finish(); }

Region* DispatchCheck::add_region(const std::shared_ptr<Buffer>& buffer, uintptr_t begin,
                                  uintptr_t end) {
  auto region = std::make_unique<Region>();
  region->begin = begin;
  region->end = end;
  region->buffer = buffer;
  if (buffer) {
    region->slot_begin = reinterpret_cast<uintptr_t>(buffer->info.slot);
    region->slot_end = region->slot_begin + buffer->info.slot_bytes;
    for (uint32_t i = 0; i < around_.unordered.size(); ++i) {
      const PastCommand& past = *around_.unordered[i];
      const auto found = past.footprints.find(buffer->id);
      if (found == past.footprints.end()) continue;
      const bool other_encoder = past.command.encoder != self_.command.encoder;
      if (other_encoder && buffer->info.tracked) continue;
      if (around_.ordered(past.command, self_.command, *buffer)) continue;
      region->prior.emplace_back(i, &found->second);
    }
  } else {
    region->slot_begin = begin;
    region->slot_end = end + kBytesMargin;
  }
  regions_.push_back(std::move(region));
  return regions_.back().get();
}

void DispatchCheck::bind(const Dispatch& dispatch) {
  for (const KernelArgument& argument : dispatch.kernel->signature().arguments) {
    if (argument.kind == KernelArgument::Kind::threadgroup) {
      group_names_[argument.index] =
          "argument `" + argument.name + "` (threadgroup " + std::to_string(argument.index) + ")";
      continue;
    }
    const Binding& binding = dispatch.buffers[argument.index];
    if (binding.data == nullptr) continue;
    const auto begin = reinterpret_cast<uintptr_t>(binding.data);
    const std::string index = "buffer " + std::to_string(argument.index);
    const auto buffer = around_.buffers->live(begin);
    const std::string label = buffer ? around_.buffers->label(*buffer) : binding.label;
    const std::string name = "argument `" + argument.name + "` (" + index +
                             (label.empty() ? "" : ", \"" + label + "\"") + ")";
    if (!buffer && around_.buffers->dead(begin)) {
      send("use-after-release", "binding of " + name, "",
           name +
               " is bound to a buffer that was released before. Try: keep a reference to it "
               "until the command buffer is complete");
      continue;
    }
    const auto same = std::find_if(regions_.begin(), regions_.end(), [&](const auto& region) {
      return buffer && region->buffer == buffer;
    });
    Region* region;
    if (same == regions_.end()) {
      region = add_region(buffer, begin, begin + binding.length);
      region->name = name;
    } else {
      region = same->get();
      region->begin = std::min(region->begin, begin);
      region->end = std::max(region->end, begin + binding.length);
      region->name += " or " + name;
    }
    region->writable |= argument.writable;
    region->raced |= argument.writable;
  }
}

void DispatchCheck::begin_group(const Size3& group, const Observer::Block* blocks, int count) {
  group_ = static_cast<uint32_t>(index_of(group, self_.groups));
  time_ = 0;
  device_times_ = {};
  group_times_ = {};
  group_memory_.begin_group(blocks, count);
}

void DispatchCheck::barrier(BarrierScope scope, uint32_t simdgroup, uint32_t flags) {
  ++time_;
  const auto clear = [&](Times& times) {
    if (scope == BarrierScope::threadgroup) {
      times.group = time_;
    } else {
      times.simdgroup[simdgroup] = time_;
    }
  };
  if (flags & kFlagDevice) clear(device_times_);
  if (flags & kFlagThreadgroup) clear(group_times_);
  if (scope == BarrierScope::threadgroup) ++counts_.threadgroup_barriers;
}

uint16_t DispatchCheck::instruction_of(uintptr_t pc) {
  const auto [found, added] =
      instructions_.try_emplace(pc, static_cast<uint16_t>(self_.instructions.size()));
  if (added) self_.instructions.push_back(pc);
  return found->second;
}

bool DispatchCheck::access(const ThreadPosition& thread, uintptr_t pc, uintptr_t address,
                           uint64_t bytes, bool write, bool atomic) {
  Recent& recent = recent_[(pc ^ pc >> 10) % recent_.size()];
  if (recent.pc != pc) recent = {pc, instruction_of(pc), nullptr};
  const Access access{&thread, pc, recent.instruction, address, bytes, write, atomic};
  if (bytes == 0) return true;
  if (group_memory_.owns(address)) return group_access(access);
  if (recent.region == nullptr || !recent.region->holds(address)) {
    recent.region = region_of(access);
    if (recent.region == nullptr) return false;
  }
  return device_access(*recent.region, access);
}

Region* DispatchCheck::region_of(const Access& access) {
  for (const auto& region : regions_) {
    if (region->holds(access.address)) return region.get();
  }
  const auto buffer = around_.buffers->live(access.address);
  if (!buffer) {
    nowhere(access);
    return nullptr;
  }
  const auto begin = reinterpret_cast<uintptr_t>(buffer->info.data);
  const std::string label = around_.buffers->label(*buffer);
  const std::string name = "buffer \"" + label + "\" (reached through an address)";
  const auto resident = around_.resident->find(buffer->info.data);
  const bool is_resident = resident != around_.resident->end();
  if (!is_resident) {
    send("not-resident", party(access), name,
         party(access) + " " + verb_text(access.write, access.atomic) + " " +
             bytes_text(access.bytes) + " of " + name +
             ", which is not resident. Try: useResource on the encoder, or a residency set");
  }
  Region* region = add_region(buffer, begin, begin + buffer->info.bytes);
  region->name = name;
  region->writable = !is_resident || resident->second;
  region->raced = true;
  return region;
}

bool DispatchCheck::device_access(Region& region, const Access& access) {
  if (!region.allows(access.address, access.bytes)) [[unlikely]] {
    out_of_bounds(region, access);
    return region.holds(access.address) && region.holds(access.address + access.bytes - 1);
  }
  if (region.buffer && region.buffer->destroyed.load(std::memory_order_relaxed)) [[unlikely]] {
    if (is_new(0, access.instruction, region.buffer->id)) {
      send("use-after-release", party(access), region.name,
           party(access) + " accesses " + region.name +
               ", which was released while the command ran. Try: keep a reference to it until the "
               "command buffer is complete");
    }
    return false;
  }
  if (access.write && !region.writable) [[unlikely]] {
    if (is_new(1, access.instruction, reinterpret_cast<uintptr_t>(&region))) {
      send("read-only-write", party(access), region.name,
           party(access) + " writes " + bytes_text(access.bytes) + " of " + region.name +
               ", which is bound or declared for reading alone. Try: an argument without const, or "
               "MTLResourceUsageWrite");
    }
    region.raced = true;
  }
  (access.write ? counts_.bytes_written : counts_.bytes_read) += access.bytes;
  if (!region.buffer) return true;
  uint64_t at = access.address - reinterpret_cast<uintptr_t>(region.buffer->info.data);
  for (const uint64_t end = at + access.bytes; at < end;) {
    const auto first = static_cast<uint32_t>(at % kPageBytes);
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(kPageBytes - first, end - at));
    page_access(region, access, static_cast<uint32_t>(at / kPageBytes), first, count);
    at += count;
  }
  return true;
}

Page& DispatchCheck::page_of(Region& region, uint32_t number) {
  PageTable& pages = region.buffer->pages;
  if (Page* page = pages.find(number)) return *page;
  std::unique_ptr<Page> fresh;
  if (around_.pool->empty()) {
    fresh = std::make_unique<Page>();
  } else {
    fresh = std::move(around_.pool->back());
    around_.pool->pop_back();
  }
  fresh->reset(number);
  for (const auto& [command, footprint] : region.prior) {
    if (const PastPage* past = footprint->find(number)) {
      fresh->prior.push_back({command, footprint, past});
    }
  }
  return pages.add(number, std::move(fresh));
}

Moment DispatchCheck::moment_of(const Access& access) const {
  return {group_,        time_, access.instruction, static_cast<uint16_t>(access.thread->index),
          access.atomic, true};
}

void DispatchCheck::page_access(Region& region, const Access& access, uint32_t number,
                                uint32_t first, uint32_t count) {
  Page& page = page_of(region, number);
  PageUse use;
  use.instruction = access.instruction;
  use.thread = static_cast<uint16_t>(access.thread ? access.thread->index : 0);
  use.group = group_;
  use.first = static_cast<uint16_t>(first);
  use.last = static_cast<uint16_t>(first + count - 1);
  use.write = access.write;
  use.atomic = access.atomic;
  page.record(use);
  if (access.atomic) {
    if (!page.atomic) page.atomic = std::make_unique<std::array<PageBits, 2>>();
    (*page.atomic)[access.write ? 1 : 0].set(first, count);
  } else {
    (access.write ? page.write : page.read).set(first, count);
  }
  if (!page.prior.empty()) check_prior(region, page, access, first, count);
  if (!region.raced || access.thread == nullptr) return;
  if (!page.cells) {
    if (cell_memory_ > kMaxCellMemory) return;
    page.cells = std::make_unique<CellPage>(kPageBytes);
    cell_memory_ += page.cells->memory();
  }
  const uint64_t before = page.cells->memory();
  const auto conflict =
      page.cells->access(first, count, access.write, moment_of(access),
                         device_times_.of(access.thread->index / kSimdWidth), true);
  cell_memory_ += page.cells->memory() - before;
  if (conflict) [[unlikely]] {
    const uint64_t byte = uint64_t{number} * kPageBytes + std::max(first, conflict->byte);
    report_race("byte " + std::to_string(byte) + " of " + region.name, access, *conflict, false);
  }
}

void DispatchCheck::check_prior(Region& region, Page& page, const Access& access, uint32_t first,
                                uint32_t count) {
  // What was reported already is looked for no more: a program full of faults would take forever.
  std::erase_if(page.prior, [&](const PriorPage& prior) {
    const auto touched = [&](uint32_t at, uint32_t length, bool& writes) {
      const Footprint& past = *prior.footprint;
      writes = past.any(prior.page->write, at, length) ||
               (!access.atomic && past.any(prior.page->atomic_store, at, length));
      if (writes || !access.write) return writes;
      return past.any(prior.page->read, at, length) ||
             (!access.atomic && past.any(prior.page->atomic_load, at, length));
    };
    bool other_writes = false;
    if (!touched(first, count, other_writes)) return false;
    uint32_t byte = first;
    while (!touched(byte, 1, other_writes)) ++byte;
    return !report_prior(region, access, prior, other_writes, page.number, byte);
  });
}

void DispatchCheck::transfer(uintptr_t address, uint64_t bytes, bool write) {
  const Access access{nullptr, 0, 0, address, bytes, write, false};
  if (self_.instructions.empty()) self_.instructions.push_back(0);
  const auto buffer = around_.buffers->live(address);
  if (!buffer || bytes == 0) return;
  const auto same = std::find_if(regions_.begin(), regions_.end(),
                                 [&](const auto& region) { return region->buffer == buffer; });
  Region* region = same == regions_.end() ? nullptr : same->get();
  if (region == nullptr) {
    const auto begin = reinterpret_cast<uintptr_t>(buffer->info.data);
    region = add_region(buffer, begin, begin + buffer->info.bytes);
    region->name = "buffer \"" + around_.buffers->label(*buffer) + "\"";
    region->writable = true;
  }
  device_access(*region, access);
}

bool DispatchCheck::group_access(const Access& access) {
  GroupMemory::Block* block = group_memory_.find(access.address, access.bytes);
  if (block == nullptr) {
    const GroupMemory::Block& near = group_memory_.nearest(access.address);
    Region region;
    region.begin = near.begin;
    region.end = near.end;
    region.name = group_names_[near.index];
    out_of_bounds(region, access);
    return group_memory_.owns(access.address + access.bytes - 1);
  }
  const std::string& name = group_names_[block->index];
  const auto outcome =
      group_memory_.access(*block, access.address, access.bytes, access.write, moment_of(access),
                           group_times_.of(access.thread->index / kSimdWidth));
  if (outcome.unwritten && is_new(2, access.instruction, 0)) {
    send("uninitialised", party(access), name,
         party(access) + " reads byte " + std::to_string(*outcome.unwritten) + " of " + name +
             ", which no thread of the group has written. Try: write it first, with a "
             "threadgroup_barrier between");
  }
  if (outcome.race) {
    const uint64_t byte = std::max<uint64_t>(access.address - block->begin, outcome.race->byte);
    report_race("byte " + std::to_string(byte) + " of " + name, access, *outcome.race, true);
  }
  return true;
}

LedgerEntry DispatchCheck::finish() {
  for (const auto& region : regions_) {
    if (!region->buffer) continue;
    auto pages = region->buffer->pages.clear();
    if (pages.empty()) continue;
    for (const auto& page : pages) {
      PageBits read = page->read, write = page->write;
      for (size_t i = 0; page->atomic && i < read.words.size(); ++i) {
        read.words[i] |= (*page->atomic)[0].words[i];
        write.words[i] |= (*page->atomic)[1].words[i];
      }
      counts_.unique_read += read.total();
      counts_.unique_written += write.total();
    }
    self_.footprints.emplace(region->buffer->id, Footprint(pages));
    for (auto& page : pages) {
      page->cells.reset();
      if (around_.pool->size() < kMaxPool) around_.pool->push_back(std::move(page));
    }
  }
  regions_.clear();
  return counts_;
}

}  // namespace softmetal
