#include "metal/backend.h"

#include "metal/executor.h"
#include "metal/library.h"
#include "metal/resources.h"

namespace gptoss::metal {

namespace {

// A queue takes 32 residency sets: these for the weights, the others for an executor.
constexpr size_t kMostWeightSets = 24;

class MetalBackend final : public Backend {
 public:
  MetalBackend(const Weights& weights, Precision precision) : resources_(weights, precision) {}

  const char* name() const override { return "metal"; }
  std::string device() const override { return resources_.facts.name; }
  const char* isa() const override { return "metal"; }
  int threads() const override { return 1; }

  std::unique_ptr<Sequence> make_sequence(int context, int chunk) override {
    const Pool pool;
    return std::make_unique<MetalExecutor>(resources_, context, chunk);
  }

  // One sequence after another, each with the whole GPU: that one pass reads the weights once for
  // all is yet to come here. A sequence is looked at for cancellation until its own turn is over.
  void forward(std::span<const BatchItem> items) override {
    for (const BatchItem& item : items) static_cast<MetalExecutor&>(item.sequence).forward(item);
  }

  std::shared_ptr<const Snapshot> load(int length, std::span<const Bytes> pages,
                                       Bytes window) override;

  const KvShape& kv_shape() const override { return resources_.kv; }
  uint64_t cache_bytes() const override { return resources_.cache_bytes.load(); }
  uint64_t sequence_bytes(int positions, int chunk) const override;

 private:
  Resources resources_;
};

std::shared_ptr<const Snapshot> MetalBackend::load(int length, std::span<const Bytes> pages,
                                                   Bytes window) {
  const Pool pool;
  const KvShape& kv = resources_.kv;
  KvSnapshot::Pages loaded;
  for (int i = 0; i < kv.pages(length); ++i) {
    loaded.push_back(
        std::make_shared<KvPages>(kv, kv.full_layers, resources_.memory, resources_.cache_bytes));
    loaded.back()->write(0, KvShape::positions_in_page(i, length),
                         pages[static_cast<size_t>(i)].data());
  }
  return std::make_shared<KvSnapshot>(kv, length, std::move(loaded),
                                      std::vector<std::byte>(window.begin(), window.end()),
                                      resources_.cache_bytes);
}

uint64_t MetalBackend::sequence_bytes(int positions, int chunk) const {
  const KvShape& kv = resources_.kv;
  const int ring = ring_pages(kv, resources_.weights.config().context, chunk);
  const int64_t pages = int64_t{kv.full_layers} * kv.pages(positions);
  return layer_page_bytes(kv) * static_cast<uint64_t>(pages + int64_t{kv.window_layers} * ring);
}

}  // namespace

Resources::Resources(const Weights& model_weights, Precision model_precision)
    : weights(model_weights),
      precision(model_precision),
      kv(weights.config(), precision),
      device(open_device()),
      facts(facts_of(device.get())),
      memory(device.get(), facts),
      residency(device.get(), facts, kMostWeightSets, "gptoss-metal weights"),
      buffers(weights, memory, residency),
      pipelines(device.get(), make_library(device.get()),
                {weights.config().dense == DenseType::q8, precision == Precision::exact}) {
  pipelines.make_all();
}

std::unique_ptr<Backend> open_backend(const Weights& weights, Precision precision) {
  const Pool pool;
  return std::make_unique<MetalBackend>(weights, precision);
}

}  // namespace gptoss::metal
