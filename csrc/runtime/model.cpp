#include "runtime/model.h"

#include "cpu/executor.h"
#include "model/error.h"
#ifdef GPTOSS_METAL
#include "metal/backend.h"
#else
namespace gptoss::metal {
class MetalBackend {};  // never made
}  // namespace gptoss::metal
#endif

namespace gptoss {

namespace {

bool wants_metal(const std::string& backend) {
  if (backend == "cpu") return false;
  if (backend != "metal") {
    throw Error("model", "there is no backend '" + backend + "'", "cpu or metal");
  }
#ifndef GPTOSS_METAL
  throw Error("model", "this build has no Metal backend",
              "backend=\"cpu\", or on a Mac the macOS wheel");
#endif
  return true;
}

}  // namespace

Model::Model(const std::string& path, const ModelOptions& options)
    : weights_(path),
      pool_(wants_metal(options.backend) ? 1 : options.threads),
      machine_{cpu::select_kernels(options.isa.c_str()), pool_, options.precision} {
#ifdef GPTOSS_METAL
  if (wants_metal(options.backend)) {
    metal_ = metal::MetalBackend::open(weights_, options.precision);
  }
#endif
}

Model::~Model() = default;

std::string Model::device() const {
#ifdef GPTOSS_METAL
  if (metal_) return metal_->facts().name;
#endif
  return "";
}

std::unique_ptr<Executor> Model::make_executor(int context, int chunk) const {
#ifdef GPTOSS_METAL
  if (metal_) return metal_->make_executor(context, chunk);
#endif
  return std::make_unique<cpu::CpuExecutor>(weights_, machine_, context, chunk);
}

}  // namespace gptoss
