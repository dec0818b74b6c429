// The grain of quantization, alone in a file: kernels that are compiled per instruction set take it
// without anything else of the model.
#pragma once

namespace gptoss {

constexpr int kGroup = 32;  // values per MXFP4 block and per q8 scale

}  // namespace gptoss
