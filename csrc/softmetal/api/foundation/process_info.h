// NSProcessInfo: which macOS is played.
#pragma once

#include "softmetal/api/runtime.h"

namespace softmetal::api {

class ProcessInfo : public Object {
 public:
  ProcessInfo() : Object(cls()) {}
  static const Class& cls();
};

}  // namespace softmetal::api
