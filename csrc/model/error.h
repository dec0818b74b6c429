// What the core throws. Every message is one line, "[where] what. Try: remedy.".
#pragma once

#include <stdexcept>
#include <string>

namespace gptoss {

class Error : public std::runtime_error {
 public:
  Error(const std::string& where, const std::string& what, const std::string& remedy)
      : std::runtime_error("[" + where + "] " + what + ". Try: " + remedy + ".") {}
};

// A computation was stopped by Session::cancel(); whole chunks stay in the cache.
class Cancelled : public Error {
 public:
  Cancelled() : Error("session", "the computation was cancelled", "sync the same tokens again") {}
};

}  // namespace gptoss
