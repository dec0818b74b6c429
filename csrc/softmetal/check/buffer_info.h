// What the checker is told of a buffer.
#pragma once

#include <cstdint>
#include <string>

namespace softmetal {

struct BufferInfo {
  uint8_t* data = nullptr;
  uint64_t bytes = 0;
  std::string label;
  // The mapped memory around the buffer that belongs to nobody else: a stray access that stays in
  // it is reported and then harmless. Without a slot: nullptr and 0.
  uint8_t* slot = nullptr;
  uint64_t slot_bytes = 0;
  bool tracked = false;  // MTLHazardTrackingModeTracked: Metal orders encoders by itself
};

}  // namespace softmetal
