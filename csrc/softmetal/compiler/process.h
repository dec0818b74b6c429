// Runs a command and collects what it prints.
#pragma once

#include <string>
#include <vector>

namespace softmetal {

struct Outcome {
  bool ok;
  std::string output;    // of standard output
  std::string messages;  // of standard error
};
Outcome run_command(const std::vector<std::string>& command);

}  // namespace softmetal
