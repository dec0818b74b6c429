// The messages of a running dispatch's checks.
#include <algorithm>
#include <utility>

#include "softmetal/check/dispatch_check.h"
#include "softmetal/check/parties.h"

namespace softmetal {

namespace {

constexpr uintptr_t kNear = 65536;  // an unknown address this close to a region is blamed on it

// "`mix` ("layer 3 mix")"
std::string command_text(const PastCommand& command) {
  return "`" + command.name + "`" + (command.label.empty() ? "" : " (" + command.label + ")");
}

// How far outside of begin .. end an access lies, as words.
std::string distance_text(const Region& region, uintptr_t address, uint64_t bytes) {
  const std::string size = std::to_string(region.end - region.begin);
  if (address < region.begin) {
    return bytes_text(region.begin - address) + " before its begin (it has " + size + " bytes)";
  }
  const uint64_t offset = address - region.begin;
  const bool crosses = address < region.end && address + bytes > region.end;
  return "byte " + std::to_string(offset) + (crosses ? ", across its end" : ", past its end") +
         " (it has " + size + " bytes)";
}

}  // namespace

std::string DispatchCheck::party(const Access& access) const {
  if (access.thread == nullptr) return command_text(self_);
  return party_text(self_.kernel.get(), access.pc, access.thread->thread, access.thread->group);
}

std::string DispatchCheck::party(const Moment& moment) const {
  const Size3 group = position_of(moment.group, self_.groups);
  const Size3 size = group_size(group, self_.threads, self_.grid);
  return party_text(self_.kernel.get(), self_.instructions[moment.instruction],
                    position_of(moment.thread, size), group);
}

bool DispatchCheck::is_new(int kind, uint16_t instruction, uint64_t other) {
  return reported_.emplace(kind, instruction, other).second;
}

void DispatchCheck::send(const std::string& kind, const std::string& first,
                         const std::string& second, const std::string& what) {
  Finding finding;
  finding.kind = kind;
  finding.kernel = self_.name;
  finding.first = first;
  finding.second = second;
  finding.text = "[" + kind + " in " + command_text(self_) + "] " + what + ".";
  report(std::move(finding));
}

void DispatchCheck::out_of_bounds(const Region& region, const Access& access) {
  if (!is_new(3, access.instruction, region.begin)) return;
  send("out-of-bounds", party(access), region.name,
       party(access) + " " + verb_text(access.write, access.atomic) + " " +
           bytes_text(access.bytes) + " of " + region.name + " at " +
           distance_text(region, access.address, access.bytes) +
           ". Try: compare the index with the number of elements first");
}

void DispatchCheck::nowhere(const Access& access) {
  const auto dead = around_.buffers->dead(access.address);
  for (const auto& region : regions_) {
    if (!dead && access.address + kNear >= region->begin && access.address < region->end + kNear) {
      return out_of_bounds(*region, access);
    }
  }
  if (!is_new(4, access.instruction, 0)) return;
  const std::string text =
      party(access) + " " + verb_text(access.write, access.atomic) + " " + bytes_text(access.bytes);
  if (dead) {
    const std::string name = "buffer \"" + around_.buffers->label(*dead) + "\"";
    return send("use-after-release", party(access), name,
                text + " of " + name +
                    ", which was released before. Try: keep a reference to it until the command "
                    "buffer is complete");
  }
  if (access.address < kNear) {
    return send("out-of-bounds", party(access), "an argument with nothing bound",
                text +
                    " through a null pointer: nothing is bound to the argument. Try: "
                    "setBuffer or setBytes for each index that the kernel uses");
  }
  send("out-of-bounds", party(access), "memory of no buffer",
       text +
           " at an address of no buffer. Try: compare the index with the number of elements "
           "first");
}

void DispatchCheck::report_race(const std::string& where, const Access& access,
                                const CellPage::Conflict& conflict, bool in_group_memory) {
  Moment other = conflict.other;
  if (in_group_memory) other.group = group_;
  const bool groups = other.group != group_;
  // Once for a pair of instructions, whichever of them comes second.
  const auto [low, high] = std::minmax(access.instruction, other.instruction);
  if (!is_new(groups ? 5 : 6, low, high)) return;
  std::string remedy;
  if (groups) {
    remedy = "atomics, or a second dispatch; no barrier orders threadgroups";
  } else {
    const bool near = other.thread / kSimdWidth == access.thread->index / kSimdWidth;
    remedy = std::string(near ? "simdgroup_barrier or " : "") + "threadgroup_barrier(mem_flags::" +
             (in_group_memory ? "mem_threadgroup" : "mem_device") + ") between them";
  }
  const std::string self = party(access), second = party(other);
  send("race", self, second,
       self + " " + verb_text(access.write, access.atomic) + " " + where + "; " + second + " " +
           verb_text(conflict.other_writes, other.atomic) +
           " it, and nothing orders the two. Try: " + remedy);
}

bool DispatchCheck::report_prior(const Region& region, const Access& access, const PriorPage& prior,
                                 bool other_writes, uint32_t page, uint32_t byte) {
  const PastCommand& past = *around_.unordered[prior.command];
  const PageUse* use = prior.footprint->use(*prior.page, byte, 1, other_writes);
  const uint16_t instruction = use ? use->instruction : 0;
  // Once for a pair of instructions, however many earlier commands ran the other one.
  if (!is_new(7, access.instruction, past.instructions[instruction])) return false;
  const bool same_encoder = past.command.encoder == self_.command.encoder;
  std::string second = command_text(past);
  if (use && past.kernel) {
    // Of the earlier command, the first thread that came by on this page is known.
    const Size3 group = position_of(use->group, past.groups);
    const Size3 size = group_size(group, past.threads, past.grid);
    second += " at " + place_text(past.kernel.get(), past.instructions[instruction]) +
              ", from thread " + tuple_text(position_of(use->thread, size)) + " of group " +
              tuple_text(group) + " on,";
  }
  const std::string remedy =
      same_encoder ? "memoryBarrier between the two dispatches of the concurrent encoder"
                   : "updateFence in the earlier encoder and waitForFence in this one, or an event "
                     "between queues";
  const std::string at = "byte " + std::to_string(uint64_t{page} * kPageBytes + byte);
  send(same_encoder ? "missing-barrier" : "missing-fence", party(access), second,
       party(access) + " " + verb_text(access.write, access.atomic) + " " + at + " of " +
           region.name + "; the earlier " + second + " " + verb_text(other_writes, false) +
           " it, and nothing orders the two. Try: " + remedy);
  return true;
}

void DispatchCheck::divergence(const std::string& description) {
  // "…: some came to one place, thread … came to the other"
  const size_t colon = description.find(": "), comma = description.find(", thread ");
  const bool both = colon != std::string::npos && comma != std::string::npos && colon < comma;
  send("divergence", both ? description.substr(comma + 2) : description,
       both ? description.substr(colon + 2, comma - colon - 2) : "",
       description + ". Try: reach barriers and simdgroup functions with all threads or none");
}

}  // namespace softmetal
