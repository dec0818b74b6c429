// Where this build can compute, and where it does if nobody says.
#pragma once

#include <string>
#include <vector>

namespace gptoss {

// "cpu", and "metal" where the build has it.
std::vector<std::string> backends();

// "metal" on a Mac with an M1 or newer, else "cpu". (Software Metal is for tests: only those who
// ask for it get it.)
std::string default_backend();

}  // namespace gptoss
