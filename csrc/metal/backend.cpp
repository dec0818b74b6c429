#include "metal/backend.h"

#include "metal/executor.h"
#include "metal/library.h"
#include "metal/resources.h"

namespace gptoss::metal {

namespace {

// A queue takes 32 residency sets: these for the weights, the others for an executor.
constexpr size_t kMostWeightSets = 24;

class OpenBackend final : public MetalBackend {
 public:
  OpenBackend(const Weights& weights, Precision precision) : resources_(weights, precision) {}

  const DeviceFacts& facts() const override { return resources_.facts; }

  std::unique_ptr<Executor> make_executor(int context, int chunk) override {
    const Pool pool;
    return std::make_unique<MetalExecutor>(resources_, context, chunk);
  }

 private:
  Resources resources_;
};

}  // namespace

Resources::Resources(const Weights& model_weights, Precision model_precision)
    : weights(model_weights),
      precision(model_precision),
      device(open_device()),
      facts(facts_of(device.get())),
      memory(device.get(), facts),
      residency(device.get(), facts, kMostWeightSets, "gptoss-metal weights"),
      buffers(weights, memory, residency),
      pipelines(device.get(), make_library(device.get()),
                {weights.config().dense == DenseType::q8, precision == Precision::exact}) {
  pipelines.make_all();
}

std::unique_ptr<MetalBackend> MetalBackend::open(const Weights& weights, Precision precision) {
  const Pool pool;
  return std::make_unique<OpenBackend>(weights, precision);
}

}  // namespace gptoss::metal
