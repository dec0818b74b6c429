// The classes by name.
#pragma once

#include "softmetal/api/runtime.h"

namespace softmetal::api {

// nullptr if there is none.
const Class* find_class(const char* name);

}  // namespace softmetal::api
