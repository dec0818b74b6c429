#include "cpu/backend.h"

#include <cstring>

#include "cpu/sequence.h"
#include "model/error.h"

namespace gptoss::cpu {

namespace {

void check_size(const std::string& what, uint64_t size, uint64_t expected) {
  if (size == expected) return;
  throw Error(
      "prefix",
      what + " has " + std::to_string(size) + " bytes and should have " + std::to_string(expected),
      "computing the prefix anew");
}

// No cache holds infinities or NaNs: an exponent of all ones is damage.
template <class Bits>
void check_finite(const std::string& what, Backend::Bytes bytes, Bits exponent) {
  for (size_t i = 0; i + sizeof(Bits) <= bytes.size(); i += sizeof(Bits)) {
    Bits value;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    if ((value & exponent) != exponent) continue;
    throw Error("prefix", what + " holds a value that is no number", "computing the prefix anew");
  }
}

void check_values(const KvFormat& format, const std::string& what, Backend::Bytes bytes) {
  if (format.item == 4) {
    check_finite<uint32_t>(what, bytes, 0x7F800000);
  } else {
    check_finite<uint16_t>(what, bytes, 0x7C00);
  }
}

}  // namespace

CpuBackend::CpuBackend(const Weights& weights, Precision precision, int threads,
                       const std::string& isa)
    : config_(weights.config()),
      pool_(threads),
      machine_{select_kernels(isa.c_str()), pool_, precision},
      shape_(config_, precision == Precision::exact),
      forward_(weights, machine_) {}

std::unique_ptr<Sequence> CpuBackend::make_sequence(int context, int chunk) {
  return std::make_unique<CpuSequence>(shape_, context, chunk, alive_);
}

void CpuBackend::forward(std::span<const BatchItem> items) {
  const std::lock_guard<std::mutex> lock(turn_);
  forward_.run(items);
}

std::shared_ptr<const Snapshot> CpuBackend::load(int length, std::span<const Bytes> pages,
                                                 Bytes window) {
  const size_t wanted = shape_.full_layers > 0 ? static_cast<size_t>(pages_for(length)) : 0;
  if (pages.size() != wanted) {
    throw Error("prefix",
                std::to_string(length) + " tokens take " + std::to_string(wanted) + " pages, not " +
                    std::to_string(pages.size()),
                "computing the prefix anew");
  }
  const int in_window = length - shape_.first_in_window(length);
  check_size("the window state", window.size(),
             shape_.format.serialised_bytes(shape_.window_layers, in_window));
  check_values(shape_.format, "the window state", window);
  std::vector<KvSnapshot::Page> loaded;
  for (size_t i = 0; i < wanted; ++i) {
    const int count = positions_in_page(static_cast<int>(i), length);
    const std::string name = "page " + std::to_string(i);
    check_size(name, pages[i].size(), shape_.format.serialised_bytes(shape_.full_layers, count));
    check_values(shape_.format, name, pages[i]);
    loaded.push_back(shape_.new_page(alive_));
    loaded.back()->write(0, count, pages[i].data());
  }
  return std::make_shared<KvSnapshot>(shape_, length, std::move(loaded),
                                      std::vector<std::byte>(window.begin(), window.end()), alive_);
}

uint64_t CpuBackend::sequence_bytes(int positions, int chunk) const {
  const int page_blocks = shape_.full_layers * pages_for(positions) * kPageBlocks;
  const int ring_blocks = shape_.window_layers * shape_.ring_blocks(config_.context, chunk);
  return shape_.format.block_bytes() * static_cast<uint64_t>(page_blocks + ring_blocks);
}

}  // namespace gptoss::cpu
