#include "metal/kv_cache.h"

#include <algorithm>

#include "metal/args.h"

namespace gptoss::metal {

namespace {

constexpr int64_t kPage = GPTOSS_PAGE_POSITIONS;
constexpr size_t kTableStep = 64;  // page tables grow by this many entries at least

size_t pages_for(int64_t positions) { return static_cast<size_t>((positions + kPage - 1) / kPage); }

}  // namespace

KvCache::KvCache(const Config& config, bool exact, int context, int chunk, Memory& memory,
                 Residency& residency)
    : config_(config),
      memory_(memory),
      residency_(residency),
      page_bytes_(static_cast<uint64_t>(config.kv_heads) * 2 * kPage * kHeadDim * (exact ? 4 : 2)) {
  const int64_t wanted = std::min<int64_t>(int64_t{config.window} - 1 + chunk, context);
  ring_ = static_cast<int64_t>(pages_for(wanted)) * kPage;
  for (const bool windowed : config.windowed) {
    place_.push_back(windowed ? window_layers_++ : full_layers_++);
  }
  if (window_layers_ > 0) {
    reserve_tables(pages_for(ring_));
    for (size_t i = 0; i < pages_for(ring_); ++i) add_page(ring_pages_, true);
  }
  residency_.commit();
}

void KvCache::extend(int begin, int end) {
  if (full_layers_ > 0) {
    reserve_tables(pages_for(end));
    while (pages_.size() < pages_for(end)) add_page(pages_, false);
  }
  residency_.commit();
  if (begin == 0) high_ = 0;
  high_ = std::max(high_, end);
}

void KvCache::truncate(int length) {
  const size_t kept = pages_for(length);
  if (pages_.size() <= kept) return;
  pages_.resize(kept);
  residency_.commit();
}

bool KvCache::holds_window(int position) const {
  const int64_t oldest_needed = std::max<int64_t>(0, int64_t{position} - config_.window + 1);
  return window_layers_ == 0 || oldest_needed >= high_ - ring_;
}

Slice KvCache::page_table(int layer) const {
  const uint64_t row = table_pages_ * sizeof(KvPage);
  const size_t pages = windowed(layer) ? ring_pages_.size() : pages_.size();
  return tables_.slice(static_cast<uint64_t>(layer) * row, pages * sizeof(KvPage));
}

uint32_t KvCache::ring(int layer) const {
  // A full layer's positions never come round.
  return static_cast<uint32_t>(windowed(layer) ? ring_
                                               : static_cast<int64_t>(pages_.size()) * kPage);
}

uint32_t KvCache::window(int layer) const {
  return windowed(layer) ? static_cast<uint32_t>(config_.window) : UINT32_MAX;
}

void KvCache::add_page(std::vector<Buffer>& pages, bool of_rings) {
  const uint64_t layers = of_rings ? window_layers_ : full_layers_;
  Buffer page = memory_.allocate(layers * page_bytes_, Memory::Storage::gpu,
                                 of_rings ? "a ring page of the KV cache" : "a KV cache page");
  residency_.add(page, true);
  pages.push_back(std::move(page));
  fill_tables(pages.size() - 1, of_rings);
}

void KvCache::reserve_tables(size_t pages) {
  if (pages <= table_pages_) return;
  const size_t grown = std::max({pages, 2 * table_pages_, kTableStep});
  Buffer tables = memory_.allocate(place_.size() * grown * sizeof(KvPage), Memory::Storage::shared,
                                   "the KV cache's page tables");
  residency_.add(tables, false);
  tables_ = std::move(tables);
  table_pages_ = grown;
  for (size_t i = 0; i < ring_pages_.size(); ++i) fill_tables(i, true);
  for (size_t i = 0; i < pages_.size(); ++i) fill_tables(i, false);
}

void KvCache::fill_tables(size_t page, bool of_rings) {
  const std::vector<Buffer>& pages = of_rings ? ring_pages_ : pages_;
  const uint64_t address = pages[page].get()->gpuAddress();
  KvPage* tables = tables_.contents<KvPage>();
  for (size_t layer = 0; layer < place_.size(); ++layer) {
    if (windowed(static_cast<int>(layer)) != of_rings) continue;
    tables[layer * table_pages_ + page].data = address + place_[layer] * page_bytes_;
  }
}

uint64_t KvCache::bytes() const {
  uint64_t total = tables_.bytes();
  for (const Buffer& page : ring_pages_) total += page.bytes();
  for (const Buffer& page : pages_) total += page.bytes();
  return total;
}

}  // namespace gptoss::metal
