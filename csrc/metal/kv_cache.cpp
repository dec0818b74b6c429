#include "metal/kv_cache.h"

#include <algorithm>

#include "metal/args.h"

namespace gptoss::metal {

namespace {

constexpr size_t kTableStep = 64;  // page tables grow by this many entries at least

}  // namespace

int ring_pages(const KvShape& kv, int context, int chunk) {
  const int wanted = std::min(kv.window - 1 + chunk, context);
  return (wanted + kPagePositions - 1) / kPagePositions;
}

KvCache::Resident::Resident(std::shared_ptr<KvPages> page, Residency& residency)
    : page_(std::move(page)), residency_(&residency) {
  residency.hold(page_->buffer(), true);
}

void KvCache::Resident::reset() {
  if (residency_ != nullptr) residency_->release(page_->buffer());
  residency_ = nullptr;
  page_.reset();
}

KvCache::KvCache(const KvShape& kv, int context, int chunk, Memory& memory,
                 std::atomic<uint64_t>& alive, Residency& residency)
    : kv_(kv),
      memory_(memory),
      alive_(alive),
      residency_(residency),
      ring_(metal::ring_pages(kv, context, chunk) * kPagePositions) {
  if (kv_.window_layers > 0) {
    const size_t pages = static_cast<size_t>(ring_ / kPagePositions);
    reserve_tables(pages);
    for (size_t i = 0; i < pages; ++i) {
      ring_pages_.push_back(new_page(kv_.window_layers));
      fill_tables(i, true);
    }
  }
  residency_.commit();
}

KvCache::Resident KvCache::new_page(int layers) {
  return {std::make_shared<KvPages>(kv_, layers, memory_, alive_), residency_};
}

KvCache::Resident KvCache::copy_of(const KvPages& page, int count) {
  Resident copy = new_page(kv_.full_layers);
  copy.page()->copy(page, count);
  return copy;
}

void KvCache::extend(int begin, int end) {
  if (kv_.full_layers > 0) {
    reserve_tables(static_cast<size_t>(kv_.pages(end)));
    const size_t current = static_cast<size_t>(begin / kPagePositions);
    const int kept = begin % kPagePositions;
    if (kept > 0 && pages_[current].page()->published() > kept) {
      pages_[current] = copy_of(*pages_[current].page(), kept);
      fill_tables(current, false);
    }
    while (pages_.size() < static_cast<size_t>(kv_.pages(end))) {
      pages_.push_back(new_page(kv_.full_layers));
      fill_tables(pages_.size() - 1, false);
    }
  }
  residency_.commit();
  if (begin == 0) low_ = high_ = 0;
  high_ = std::max(high_, end);
}

void KvCache::truncate(int length) {
  const size_t kept = static_cast<size_t>(kv_.pages(length));
  if (pages_.size() <= kept) return;
  pages_.resize(kept);
  residency_.commit();
}

bool KvCache::holds_window(int position) const {
  const int oldest_needed = std::max(0, position - kv_.window + 1);
  return kv_.window_layers == 0 || oldest_needed >= std::max(low_, high_ - ring_);
}

template <class Visit>
void KvCache::visit_ring(int first, int end, Visit visit) const {
  for (int position = first; position < end;) {
    const int slot = position % ring_ % kPagePositions;
    const int part = std::min(kPagePositions - slot, end - position);
    KvPages& page = *ring_pages_[static_cast<size_t>(position % ring_ / kPagePositions)].page();
    visit(page, slot, part, position - first);
    position += part;
  }
}

std::shared_ptr<const Snapshot> KvCache::snapshot(int length) const {
  KvSnapshot::Pages pages;
  for (int i = 0; i < kv_.pages(length); ++i) {
    pages.push_back(pages_[static_cast<size_t>(i)].page());
  }
  const int first = kv_.first_in_window(length);
  std::vector<std::byte> window(kv_.window_bytes(length));
  if (!window.empty()) {
    visit_ring(first, length, [&](const KvPages& page, int slot, int part, int done) {
      page.read(slot, part, window.data() + done * kv_.row_bytes(), length - first);
    });
  }
  return std::make_shared<KvSnapshot>(kv_, length, std::move(pages), std::move(window), alive_);
}

void KvCache::restore(const KvSnapshot& snapshot) {
  const int length = snapshot.length();
  const KvSnapshot::Pages& shared = snapshot.shared();
  if (!shared.empty()) reserve_tables(shared.size());
  // A whole page is shared, and copied when it must be written. Of a partial one, the sequence that
  // it comes from may go on writing behind the snapshot.
  const int rest = length % kPagePositions;
  const auto have = [&](size_t i) { return i < pages_.size() && pages_[i].page() == shared[i]; };
  std::vector<Resident> pages(shared.size());
  for (size_t i = 0; i < shared.size(); ++i) {
    if (rest > 0 && i + 1 == shared.size()) {
      pages[i] = copy_of(*shared[i], rest);
    } else if (!have(i)) {
      pages[i] = Resident(shared[i], residency_);
    }
  }
  // Nothing throws from here on. Pages that are here already stay resident.
  for (size_t i = 0; i < pages.size(); ++i) {
    if (!pages[i].page()) pages[i] = std::move(pages_[i]);
  }
  pages_ = std::move(pages);
  for (size_t i = 0; i < pages_.size(); ++i) fill_tables(i, false);
  residency_.commit();
  low_ = kv_.first_in_window(length);
  high_ = length;
  if (snapshot.window().empty()) return;
  visit_ring(low_, length, [&](KvPages& page, int slot, int part, int done) {
    page.write(slot, part, snapshot.window().data() + done * kv_.row_bytes(), length - low_);
  });
}

Slice KvCache::page_table(int layer) const {
  const uint64_t row = table_pages_ * sizeof(KvPage);
  const size_t pages = windowed(layer) ? ring_pages_.size() : pages_.size();
  return tables_.slice(static_cast<uint64_t>(layer) * row, pages * sizeof(KvPage));
}

uint32_t KvCache::ring(int layer) const {
  // A full layer's positions never come round.
  const int64_t whole = static_cast<int64_t>(pages_.size()) * kPagePositions;
  return static_cast<uint32_t>(windowed(layer) ? ring_ : whole);
}

uint32_t KvCache::window(int layer) const {
  return windowed(layer) ? static_cast<uint32_t>(kv_.window) : UINT32_MAX;
}

void KvCache::reserve_tables(size_t pages) {
  if (pages <= table_pages_) return;
  const size_t grown = std::max({pages, 2 * table_pages_, kTableStep});
  Buffer tables = memory_.allocate(kv_.place.size() * grown * sizeof(KvPage),
                                   Memory::Storage::shared, "the KV cache's page tables");
  residency_.add(tables, false);
  tables_ = std::move(tables);
  table_pages_ = grown;
  for (size_t i = 0; i < ring_pages_.size(); ++i) fill_tables(i, true);
  for (size_t i = 0; i < pages_.size(); ++i) fill_tables(i, false);
}

void KvCache::fill_tables(size_t page, bool of_rings) {
  const KvPages& pages = *(of_rings ? ring_pages_ : pages_)[page].page();
  KvPage* tables = tables_.contents<KvPage>();
  for (size_t layer = 0; layer < kv_.place.size(); ++layer) {
    if (kv_.windowed[layer] != of_rings) continue;
    tables[layer * table_pages_ + page].data = pages.address(kv_.place[layer]);
  }
}

uint64_t KvCache::bytes() const {
  uint64_t total = tables_.bytes();
  for (const Resident& resident : ring_pages_) total += resident.page()->bytes();
  for (const Resident& resident : pages_) total += resident.page()->bytes();
  return total;
}

}  // namespace gptoss::metal
