#include "softmetal/api/autorelease.h"

#include <algorithm>
#include <string>

#include "softmetal/state.h"

namespace softmetal::api {

namespace {

struct Pools {
  std::vector<AutoreleasePool*> open;
  std::vector<Object*> without;  // autoreleased while no pool was open
  ~Pools() {
    for (Object* object : without) object->release();
  }
};

Pools& pools() {
  thread_local Pools instance;
  return instance;
}

}  // namespace

AutoreleasePool::AutoreleasePool() : Object(cls()) { pools().open.push_back(this); }

AutoreleasePool::~AutoreleasePool() {
  std::vector<AutoreleasePool*>& open = pools().open;
  const auto self = std::find(open.begin(), open.end(), this);
  if (self == open.end()) {
    report({"api", "", "-[NSAutoreleasePool release]", "",
            "an autorelease pool is released on another thread than it was made on"});
  } else {
    // Pools made inside this one and not released go with it, as on a Mac.
    while (open.back() != this) open.back()->release();
  }
  // Destructors may autorelease again: into this pool, until nothing is left.
  while (!objects_.empty()) {
    Object* object = objects_.back();
    objects_.pop_back();
    object->release();
  }
  const auto again = std::find(open.begin(), open.end(), this);
  if (again != open.end()) open.erase(again);
}

void AutoreleasePool::add_to_current(Object* object) {
  Pools& p = pools();
  if (!p.open.empty()) return p.open.back()->add(object);
  const std::string name = object->cls_of().name();
  report({"api", "", name, "", name + " is autoreleased with no pool in place: it leaks"});
  p.without.push_back(object);
}

const Class& AutoreleasePool::cls() {
  static const Class& cls = *new Class(
      "NSAutoreleasePool", &Object::cls(), create<AutoreleasePool>,
      {method<&AutoreleasePool::drain>("drain"), method<&AutoreleasePool::add>("addObject:")});
  return cls;
}

}  // namespace softmetal::api
