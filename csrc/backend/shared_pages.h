// Pages of keys and values that sequences and snapshots share, and the snapshot made of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "backend/kv_shape.h"

namespace gptoss {

// Bytes counted in `alive` as long as this lives.
class Counted {
 public:
  Counted(std::atomic<uint64_t>& alive, uint64_t bytes) : alive_(alive), bytes_(bytes) {
    alive_.fetch_add(bytes_);
  }
  ~Counted() { alive_.fetch_sub(bytes_); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t>& alive_;
  uint64_t bytes_;
};

// How much of a page belongs to snapshots: no sequence may write those positions any more. Behind
// them, only the sequence that the page comes from does.
class Published {
 public:
  // Positions 0 .. count - 1 of the page.
  void publish(int count) {
    int before = count_.load();
    while (before < count && !count_.compare_exchange_weak(before, count)) {
    }
  }
  int published() const { return count_.load(); }

 private:
  std::atomic<int> count_{0};
};

// Page has publish(), and read(count, out), which writes its first positions serialised.
template <class Page>
class PagedSnapshot final : public Snapshot {
 public:
  using Pages = std::vector<std::shared_ptr<Page>>;

  // `window` holds the state of the window layers at `length`; `alive` counts its bytes.
  PagedSnapshot(const KvShape& shape, int length, Pages pages, std::vector<std::byte> window,
                std::atomic<uint64_t>& alive)
      : shape_(shape),
        length_(length),
        pages_(std::move(pages)),
        window_(std::move(window)),
        counted_(alive, window_.size()) {
    for (int i = 0; i < this->pages(); ++i) {
      pages_[static_cast<size_t>(i)]->publish(KvShape::positions_in_page(i, length_));
    }
  }

  int length() const override { return length_; }
  uint64_t window_bytes() const override { return window_.size(); }
  int pages() const override { return static_cast<int>(pages_.size()); }
  uint64_t page_bytes(int index) const override { return shape_.page_bytes(index, length_); }
  void read_page(int index, std::byte* out) const override {
    pages_[static_cast<size_t>(index)]->read(KvShape::positions_in_page(index, length_), out);
  }
  void read_window(std::byte* out) const override {
    std::copy(window_.begin(), window_.end(), out);
  }

  const Pages& shared() const { return pages_; }
  const std::vector<std::byte>& window() const { return window_; }

 private:
  const KvShape& shape_;
  int length_;
  Pages pages_;
  std::vector<std::byte> window_;
  Counted counted_;
};

}  // namespace gptoss
