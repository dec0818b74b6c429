// How messages name a thread, a place in a kernel, an access.
#include "softmetal/check/parties.h"

#include <algorithm>

namespace softmetal {

Size3 position_of(uint64_t index, const Size3& size) {
  return {static_cast<uint32_t>(index % size.x), static_cast<uint32_t>(index / size.x % size.y),
          static_cast<uint32_t>(index / size.x / size.y)};
}

uint64_t index_of(const Size3& position, const Size3& size) {
  return position.x + size.x * (position.y + uint64_t{size.y} * position.z);
}

Size3 group_size(const Size3& group, const Size3& threads, const Size3& grid) {
  if (grid.count() == 0) return threads;
  return {std::min(threads.x, grid.x - group.x * threads.x),
          std::min(threads.y, grid.y - group.y * threads.y),
          std::min(threads.z, grid.z - group.z * threads.z)};
}

std::string tuple_text(const Size3& position) {
  return "(" + std::to_string(position.x) + ", " + std::to_string(position.y) + ", " +
         std::to_string(position.z) + ")";
}

std::string place_text(const Kernel* kernel, uintptr_t pc) {
  if (kernel == nullptr || pc == 0) return "a command without a kernel";
  const SourceLine line = kernel->line_of(pc);
  return line.file + ":" + std::to_string(line.line);
}

std::string party_text(const Kernel* kernel, uintptr_t pc, const Size3& thread,
                       const Size3& group) {
  return place_text(kernel, pc) + " thread " + tuple_text(thread) + " of group " +
         tuple_text(group);
}

std::string verb_text(bool write, bool atomic) {
  return std::string(atomic ? "atomically " : "") + (write ? "writes" : "reads");
}

std::string bytes_text(uint64_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

}  // namespace softmetal
