// Selectors, classes, objects, and the runtime's C functions.
#include "softmetal/api/runtime.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "softmetal/api/autorelease.h"
#include "softmetal/api/classes.h"
#include "softmetal/api/foundation/string.h"
#include "softmetal/state.h"

struct objc_selector {
  std::string name;
};

namespace softmetal::api {

namespace {

struct Selectors {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<objc_selector>, std::less<>> by_name;
};

Selectors& selectors() {
  static Selectors& instance = *new Selectors;
  return instance;
}

// Destroyed objects' memory, oldest first.
struct Quarantine {
  static constexpr std::size_t kObjects = 1024;
  std::mutex mutex;
  std::deque<void*> memory;
};

Quarantine& quarantine() {
  static Quarantine& instance = *new Quarantine;
  return instance;
}

// NSObject itself can be made too.
class AnyObject : public Object {
 public:
  AnyObject() : Object(Object::cls()) {}
};

// Methods of classes.
Object* alloc(const Class* cls, SEL) { return cls->create(); }
const Class* same_class(const Class* cls, SEL) { return cls; }
void do_nothing(const Class*, SEL) {}
bool class_responds(const Class* cls, SEL, SEL selector) {
  return cls->find(selector, true) != nullptr;
}

template <class F>
Method raw_class_method(const char* selector, F* function) {
  return {selector, reinterpret_cast<Imp>(function), true, 0};
}

}  // namespace

Object::Object(const Class& cls) : mark_(kAlive), class_(&cls) { ++cls.live; }

Object::Object(const Object& other) : Object(*other.class_) {}

Object::~Object() {
  if (class_ != nullptr) --class_->live;
  mark_ = kDead;
}

void Object::operator delete(void* memory, std::size_t) {
  Quarantine& q = quarantine();
  const std::lock_guard<std::mutex> lock(q.mutex);
  q.memory.push_back(memory);
  if (q.memory.size() <= Quarantine::kObjects) return;
  ::operator delete(q.memory.front());
  q.memory.pop_front();
}

void Object::release() {
  if (class_ != nullptr && --references_ == 0) delete this;
}

Object* Object::autorelease() {
  AutoreleasePool::add_to_current(this);
  return this;
}

String* Object::description() {
  char text[160];
  std::snprintf(text, sizeof text, "<%s: %p>", cls_of().name(), static_cast<void*>(this));
  return autoreleased(new String(text));
}

const Class& Object::cls_of() const {
  return class_ == nullptr ? static_cast<const Class&>(*this) : *class_;
}

bool Object::responds_to(SEL selector) { return cls_of().find(selector, is_class()) != nullptr; }

const Class& Object::cls() {
  static const Class& cls =
      *new Class("NSObject", nullptr, create<AnyObject>,
                 {method<&Object::init>("init"), method<&Object::retain>("retain"),
                  method<&Object::release>("release"), method<&Object::autorelease>("autorelease"),
                  method<&Object::retain_count>("retainCount"), method<&Object::copy>("copy"),
                  method<&Object::hash>("hash"), method<&Object::is_equal>("isEqual:"),
                  method<&Object::description>("description"),
                  method<&Object::description>("debugDescription"),
                  method<&Object::responds_to>("respondsToSelector:"),
                  method<&Object::method_signature>("methodSignatureForSelector:"),
                  raw_class_method("alloc", &alloc), raw_class_method("retain", &same_class),
                  raw_class_method("release", &do_nothing),
                  raw_class_method("respondsToSelector:", &class_responds)});
  return cls;
}

Class::Class(const char* name, const Class* parent, Create create,
             std::initializer_list<Method> methods, int since)
    : Object(ClassTag{}), name_(name), parent_(parent), create_(create), since_(since) {
  for (const Method& m : methods) {
    Table& table = m.of_class ? class_methods_ : object_methods_;
    table[sel_registerName(m.selector)] = {m.imp, m.since};
  }
}

Imp Class::find(SEL selector, bool of_class) const {
  for (const Class* c = this; c != nullptr; c = c->parent_) {
    const Table& table = of_class ? c->class_methods_ : c->object_methods_;
    const auto found = table.find(selector);
    if (found != table.end() && found->second.since <= macos_version()) return found->second.imp;
  }
  return nullptr;
}

Object* Class::create() const {
  return create_ == nullptr || since_ > macos_version() ? nullptr : create_();
}

}  // namespace softmetal::api

extern "C" {

SEL sel_registerName(const char* name) {
  softmetal::api::Selectors& s = softmetal::api::selectors();
  const std::lock_guard<std::mutex> lock(s.mutex);
  auto& selector = s.by_name[name];
  if (!selector) selector = std::make_unique<objc_selector>(objc_selector{name});
  return selector.get();
}

const char* sel_getName(SEL selector) { return selector->name.c_str(); }

// The class, or nil.
Class objc_lookUpClass(const char* name) {
  const softmetal::api::Class* cls = softmetal::api::find_class(name);
  return reinterpret_cast<Class>(const_cast<softmetal::api::Class*>(cls));
}

Class objc_getClass(const char* name) { return objc_lookUpClass(name); }

// metal-cpp asks for protocols but uses none.
Protocol* objc_getProtocol(const char*) { return nullptr; }
}
