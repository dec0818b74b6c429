// What a running dispatch has done to each page of a buffer.
#include "softmetal/check/shadow.h"

#include <algorithm>
#include <new>
#include <utility>

namespace softmetal {

namespace {

// Calls visit(word, mask) for the words of 64 bytes that a range of bytes touches, until it returns
// true.
template <class Visit>
bool for_words(uint32_t first, uint32_t count, const Visit& visit) {
  const uint32_t end = first + count;
  for (uint32_t at = first; at < end;) {
    const uint32_t bit = at % 64;
    const uint32_t taken = std::min(64 - bit, end - at);
    const uint64_t mask = (taken == 64 ? ~uint64_t{0} : (uint64_t{1} << taken) - 1) << bit;
    if (visit(at / 64, mask)) return true;
    at += taken;
  }
  return false;
}

}  // namespace

void PageBits::set(uint32_t first, uint32_t count) {
  for_words(first, count, [&](uint32_t word, uint64_t mask) {
    words[word] |= mask;
    return false;
  });
}

bool PageBits::any(uint32_t first, uint32_t count) const {
  return for_words(first, count,
                   [&](uint32_t word, uint64_t mask) { return (words[word] & mask) != 0; });
}

uint32_t PageBits::total() const {
  uint32_t sum = 0;
  for (const uint64_t word : words) sum += std::popcount(word);
  return sum;
}

void Page::reset(uint32_t page_number) {
  number = page_number;
  uses = last_use = 0;
  read = {};
  write = {};
  atomic.reset();
  cells.reset();
  prior.clear();
}

void Page::record(const PageUse& now) {
  const auto same = [&](const PageUse& old) {
    return old.instruction == now.instruction && old.write == now.write && old.atomic == now.atomic;
  };
  uint32_t index = last_use;
  if (uses == 0 || !same(use[index])) {
    index = 0;
    while (index < uses && !same(use[index])) ++index;
    if (index == uses) {
      if (uses == kMaxUses) return;
      use[uses++] = now;
    }
    last_use = index;
  }
  use[index].first = std::min(use[index].first, now.first);
  use[index].last = std::max(use[index].last, now.last);
}

PageTable::PageTable(uint64_t bytes) : count_((bytes + kPageBytes - 1) / kPageBytes) {}

Page& PageTable::add(uint32_t number, std::unique_ptr<Page> page) {
  if (!table_) {
    table_.reset(static_cast<Page**>(std::calloc(count_, sizeof(Page*))));
    if (!table_) throw std::bad_alloc();
  }
  Page& added = *page;
  table_.get()[number] = page.get();
  touched_.push_back(std::move(page));
  return added;
}

std::vector<std::unique_ptr<Page>> PageTable::clear() {
  for (const auto& page : touched_) table_.get()[page->number] = nullptr;
  return std::exchange(touched_, {});
}

}  // namespace softmetal
