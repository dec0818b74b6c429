// The threadgroup memory of the running group.
#include "softmetal/check/group_memory.h"

#include <algorithm>

namespace softmetal {

namespace {

constexpr uintptr_t kMargin = 4096;  // bytes around the blocks that the engine maps as well

uintptr_t distance(const GroupMemory::Block& block, uintptr_t address) {
  if (address < block.begin) return block.begin - address;
  return address < block.end ? 0 : address - block.end + 1;
}

}  // namespace

void GroupMemory::begin_group(const Observer::Block* blocks, int count) {
  ++groups_;
  const auto same = [&](int i) {
    return blocks_[i].index == blocks[i].index &&
           blocks_[i].begin == reinterpret_cast<uintptr_t>(blocks[i].data) &&
           blocks_[i].end - blocks_[i].begin == blocks[i].bytes;
  };
  bool kept = blocks_.size() == static_cast<size_t>(count);
  for (int i = 0; kept && i < count; ++i) kept = same(i);
  if (kept) {
    for (Block& block : blocks_) std::fill(block.written.begin(), block.written.end(), false);
    return;
  }
  blocks_.clear();
  near_begin_ = near_end_ = 0;
  for (int i = 0; i < count; ++i) {
    const auto begin = reinterpret_cast<uintptr_t>(blocks[i].data);
    const uintptr_t end = begin + blocks[i].bytes;
    blocks_.push_back({blocks[i].index, begin, end, std::vector<bool>(blocks[i].bytes),
                       CellPage(blocks[i].bytes)});
    near_begin_ = i == 0 ? begin - kMargin : std::min(near_begin_, begin - kMargin);
    near_end_ = std::max(near_end_, end + kMargin);
  }
}

GroupMemory::Block* GroupMemory::find(uintptr_t address, uint64_t bytes) {
  for (Block& block : blocks_) {
    if (block.begin <= address && address < block.end && bytes <= block.end - address) {
      return &block;
    }
  }
  return nullptr;
}

const GroupMemory::Block& GroupMemory::nearest(uintptr_t address) const {
  return *std::min_element(blocks_.begin(), blocks_.end(), [&](const Block& a, const Block& b) {
    return distance(a, address) < distance(b, address);
  });
}

GroupMemory::Outcome GroupMemory::access(Block& block, uintptr_t address, uint64_t bytes,
                                         bool write, Moment now, const Epochs& epochs) {
  Outcome outcome;
  const uint64_t first = address - block.begin;
  const auto begin = block.written.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
  if (write) {
    std::fill(begin, end, true);
  } else if (const auto hole = std::find(begin, end, false); hole != end) {
    outcome.unwritten = static_cast<uint64_t>(hole - block.written.begin());
  }
  now.group = groups_;
  outcome.race = block.cells.access(static_cast<uint32_t>(first), static_cast<uint32_t>(bytes),
                                    write, now, epochs, false);
  return outcome;
}

}  // namespace softmetal
