// What the caches of one model have in common, whatever the backend: layers of each kind, the
// window, and the serialised form of pages and window states.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"

namespace gptoss {

struct KvShape {
  KvShape(const Config& config, Precision precision)
      : item(precision == Precision::exact ? 4 : 2),
        kv_heads(config.kv_heads),
        window(config.window),
        windowed(config.windowed) {
    for (const bool of_window : windowed) {
      place.push_back(of_window ? window_layers++ : full_layers++);
    }
  }

  // Pages of a sequence of `length` positions, the last one perhaps in part.
  int pages(int length) const {
    return full_layers == 0 ? 0 : (length + kPagePositions - 1) / kPagePositions;
  }
  // Positions of page `index` that lie before `length`.
  static int positions_in_page(int index, int length) {
    return std::min(length - index * kPagePositions, kPagePositions);
  }
  // A snapshot keeps the window layers' positions from here on: one more than the window of the
  // next position reaches, so that the last one can be computed anew for its logits.
  int first_in_window(int length) const { return std::max(length - window, 0); }

  // Bytes of one position's key and value of one head.
  int64_t row_bytes() const { return 2 * kHeadDim * item; }
  // Serialised bytes.
  uint64_t page_bytes(int index, int length) const {
    return bytes(full_layers, positions_in_page(index, length));
  }
  uint64_t window_bytes(int length) const {
    return bytes(window_layers, length - first_in_window(length));
  }

  int64_t item;  // bytes per value: 4 (float32) or 2 (float16)
  int kv_heads;
  int window;
  std::vector<bool> windowed;  // per layer
  std::vector<int> place;      // per layer: which of the layers of its kind it is
  int full_layers = 0;
  int window_layers = 0;

 private:
  uint64_t bytes(int layers, int positions) const {
    return static_cast<uint64_t>(row_bytes() * layers * kv_heads * positions);
  }
};

}  // namespace gptoss
