#include "runtime/model.h"

#include "cpu/backend.h"
#include "model/error.h"
#include "runtime/session.h"
#ifdef GPTOSS_METAL
#include "metal/backend.h"
#endif

namespace gptoss {

namespace {

std::unique_ptr<Backend> open_backend(const Weights& weights, const ModelOptions& options) {
  if (options.backend == "cpu") {
    return std::make_unique<cpu::CpuBackend>(weights, options.precision, options.threads,
                                             options.isa);
  }
  if (options.backend != "metal") {
    throw Error("model", "there is no backend '" + options.backend + "'", "cpu or metal");
  }
#ifdef GPTOSS_METAL
  return metal::open_backend(weights, options.precision);
#else
  throw Error("model", "this build has no Metal backend",
              "backend=\"cpu\", or on a Mac the macOS wheel");
#endif
}

}  // namespace

Model::Model(const std::string& path, const ModelOptions& options)
    : weights_(path), precision_(options.precision), backend_(open_backend(weights_, options)) {}

uint64_t Model::session_bytes(int tokens, int chunk) const {
  const int limit = config().context;
  if (tokens < 0 || tokens > limit) {
    throw Error("model",
                std::to_string(tokens) + " tokens are outside 0 .. " + std::to_string(limit),
                "at most " + std::to_string(limit));
  }
  return backend_->sequence_bytes(tokens, Session::checked_chunk(chunk, limit));
}

}  // namespace gptoss
