// NSAutoreleasePool: pools are nested per thread.
#pragma once

#include <vector>

#include "softmetal/api/runtime.h"

namespace softmetal::api {

class AutoreleasePool : public Object {
 public:
  AutoreleasePool();
  ~AutoreleasePool() override;
  void drain() { release(); }
  void add(Object* object) { objects_.push_back(object); }

  // The innermost pool of this thread takes over one reference. Without a pool it is a finding, and
  // the reference lives as long as the thread.
  static void add_to_current(Object* object);
  static const Class& cls();

 private:
  std::vector<Object*> objects_;
};

}  // namespace softmetal::api
