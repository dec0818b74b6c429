// What a finished command read and wrote.
#include "softmetal/check/footprint.h"

#include <algorithm>

namespace softmetal {

uint32_t Footprint::keep(const PageBits& bits) {
  const uint32_t total = bits.total();
  if (total == 0) return PastPage::kNone;
  if (total == kPageBytes) return PastPage::kAll;
  bits_.push_back(bits);
  return static_cast<uint32_t>(bits_.size() - 1);
}

Footprint::Footprint(const std::vector<std::unique_ptr<Page>>& pages) {
  pages_.reserve(pages.size());
  for (const auto& page : pages) {
    PastPage past{page->number,    keep(page->read), keep(page->write),
                  PastPage::kNone, PastPage::kNone,  static_cast<uint32_t>(uses_.size()),
                  page->uses};
    if (page->atomic) {
      past.atomic_load = keep((*page->atomic)[0]);
      past.atomic_store = keep((*page->atomic)[1]);
    }
    uses_.insert(uses_.end(), page->use.begin(), page->use.begin() + page->uses);
    pages_.push_back(past);
  }
  std::sort(pages_.begin(), pages_.end(),
            [](const PastPage& a, const PastPage& b) { return a.number < b.number; });
}

const PastPage* Footprint::find(uint32_t number) const {
  const auto found =
      std::lower_bound(pages_.begin(), pages_.end(), number,
                       [](const PastPage& page, uint32_t wanted) { return page.number < wanted; });
  return found == pages_.end() || found->number != number ? nullptr : &*found;
}

bool Footprint::any(uint32_t bits, uint32_t first, uint32_t count) const {
  if (bits == PastPage::kNone) return false;
  return bits == PastPage::kAll || bits_[bits].any(first, count);
}

const PageUse* Footprint::use(const PastPage& page, uint32_t first, uint32_t count,
                              bool write) const {
  const auto begin = uses_.begin() + page.first_use;
  const auto found = std::find_if(begin, begin + page.uses, [&](const PageUse& use) {
    return use.write == write && use.first < first + count && first <= use.last;
  });
  return found == begin + page.uses ? nullptr : &*found;
}

}  // namespace softmetal
