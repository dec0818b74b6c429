// The function constants of metal/args.h, set once per model.
#pragma once

namespace gptoss::metal {

struct Constants {
  bool dense_q8;
  bool exact;
};

}  // namespace gptoss::metal
