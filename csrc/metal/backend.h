// The Metal backend of one model, as the runtime sees it. Needs no Metal header.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "model/weights.h"

namespace gptoss::metal {

// `weights` must outlive the backend. Throws Error when there is no device, a kernel does not
// compile or the weights do not fit.
std::unique_ptr<Backend> open_backend(const Weights& weights, Precision precision);

}  // namespace gptoss::metal
