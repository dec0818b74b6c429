#include "metal/weight_buffers.h"

#include <algorithm>

namespace gptoss::metal {

namespace {

constexpr uint64_t kPage = 16384;

// Slices of tensors whose buffer does not exist yet: first all of them are collected, which gives
// the pages to wrap, then the buffer and the offsets are filled in.
class Range {
 public:
  // `slice` must stay where it is until wrap().
  void add(Slice& slice, const void* data, uint64_t bytes) {
    const auto* begin = static_cast<const uint8_t*>(data);
    parts_.push_back({&slice, begin, bytes});
    begin_ = begin_ == nullptr ? begin : std::min(begin_, begin);
    end_ = std::max(end_, begin + bytes);
  }

  void add(DenseSlices& slices, const DenseMatrix& matrix) {
    const uint64_t count = static_cast<uint64_t>(matrix.rows) * static_cast<uint64_t>(matrix.cols);
    if (matrix.q8 != nullptr) {
      add(slices.weights, matrix.q8, count);
      add(slices.scales, matrix.scale, count / kGroup * 2);
    } else {
      add(slices.weights, matrix.bf16, count * 2);
      add(slices.scales, matrix.bf16, count * 2);
    }
  }

  void add(ExpertSlices& slices, const ExpertMatrices& matrices, int experts) {
    const uint64_t rows = static_cast<uint64_t>(experts) * static_cast<uint64_t>(matrices.rows);
    const uint64_t groups = rows * static_cast<uint64_t>(matrices.cols / kGroup);
    add(slices.blocks, matrices.blocks, groups * 16);
    add(slices.scales, matrices.scales, groups);
    add(slices.bias, matrices.bias, rows * 4);
  }

  void add(LayerSlices& slices, const LayerWeights& layer, const Config& config) {
    const uint64_t hidden = static_cast<uint64_t>(config.hidden) * 4;
    add(slices.attn_norm, layer.attn_norm, hidden);
    add(slices.qkv, layer.qkv);
    add(slices.qkv_bias, layer.qkv_bias, static_cast<uint64_t>(config.qkv_width()) * 4);
    add(slices.sinks, layer.sinks, static_cast<uint64_t>(config.heads) * 4);
    add(slices.out, layer.out);
    add(slices.out_bias, layer.out_bias, hidden);
    add(slices.mlp_norm, layer.mlp_norm, hidden);
    add(slices.router, layer.router.bf16, layer.router.bytes);
    add(slices.router_bias, layer.router_bias, static_cast<uint64_t>(config.experts) * 4);
    add(slices.gate_up, layer.gate_up, config.experts);
    add(slices.down, layer.down, config.experts);
  }

  uint64_t bytes() const { return static_cast<uint64_t>(last_page() - first_page()); }

  Buffer wrap(Memory& memory, const std::string& what) const {
    Buffer buffer = memory.wrap(first_page(), bytes(), what);
    for (const Part& part : parts_) {
      *part.slice = buffer.slice(static_cast<uint64_t>(part.data - first_page()), part.bytes);
    }
    return buffer;
  }

 private:
  struct Part {
    Slice* slice;
    const uint8_t* data;
    uint64_t bytes;
  };
  // The mapping starts on a page and is whole pages long (model/mapped_file.h).
  const uint8_t* first_page() const { return begin_ - reinterpret_cast<uintptr_t>(begin_) % kPage; }
  const uint8_t* last_page() const {
    return end_ + (kPage - reinterpret_cast<uintptr_t>(end_) % kPage) % kPage;
  }

  std::vector<Part> parts_;
  const uint8_t* begin_ = nullptr;
  const uint8_t* end_ = nullptr;
};

}  // namespace

WeightBuffers::WeightBuffers(const Weights& weights, Memory& memory, Residency& residency) {
  const Config& config = weights.config();
  const size_t layers = static_cast<size_t>(config.layers);
  layers_.resize(layers);
  std::vector<Range> ranges(layers + 1);
  for (size_t i = 0; i < layers; ++i) {
    ranges[i].add(layers_[i], weights.layer(static_cast<int>(i)), config);
  }
  // The final norm follows the last layer in the file.
  ranges[layers - 1].add(final_norm_, weights.final_norm(),
                         static_cast<uint64_t>(config.hidden) * 4);
  ranges[layers].add(unembedding_, weights.unembedding());
  uint64_t total = 0;
  for (const Range& range : ranges) total += range.bytes();
  memory.check_fits(total, "the model");
  for (size_t i = 0; i <= layers; ++i) {
    const std::string what = i < layers ? "weights of layer " + std::to_string(i) : "unembedding";
    buffers_.push_back(ranges[i].wrap(memory, what));
    residency.add(buffers_.back(), false);
  }
  residency.commit();
}

}  // namespace gptoss::metal
