// Objective-C as far as metal-cpp needs it: selectors, classes as maps from selectors to functions,
// objects with reference counts.
#pragma once

#include <objc/message.h>
#include <objc/runtime.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>

namespace softmetal::api {

class Class;
class String;
using Imp = void (*)();

// What every Objective-C object here is; a pointer to it is the object's `id`. Single inheritance
// only, so that pointers to derived classes are the same.
class Object {
 public:
  explicit Object(const Class& cls);
  virtual ~Object();
  Object(const Object& other);
  Object& operator=(const Object&) = delete;
  // Memory of destroyed objects is kept for a while, so that messages to them are recognised.
  static void operator delete(void* memory, std::size_t bytes);

  Object* retain() {
    ++references_;
    return this;
  }
  void release();
  Object* autorelease();
  uint64_t retain_count() const { return references_; }
  virtual Object* copy() { return retain(); }
  virtual uint64_t hash() { return reinterpret_cast<uintptr_t>(this); }
  virtual bool is_equal(Object* other) { return this == other; }
  virtual String* description();
  bool responds_to(SEL selector);
  Object* method_signature(SEL) { return nullptr; }
  Object* init() { return this; }

  bool alive() const { return mark_ == kAlive; }
  bool is_class() const { return class_ == nullptr; }
  const Class& cls_of() const;

  static const Class& cls();

 protected:
  struct ClassTag {};
  explicit Object(ClassTag) : mark_(kAlive), class_(nullptr) {}

 private:
  static constexpr uint64_t kAlive = 0x6f626a6563743176, kDead = 0x7a6f6d6269653176;
  std::atomic<uint64_t> mark_;
  const Class* const class_;  // nullptr: this is a class itself
  std::atomic<uint64_t> references_{1};
};

struct Method {
  const char* selector;
  Imp imp;
  bool of_class;  // sent to the class, not to an object
  int since;      // first macOS that has it; 0 = all
};

class Class : public Object {
 public:
  using Create = Object* (*)();  // alloc; nullptr if only factories make such objects
  Class(const char* name, const Class* parent, Create create, std::initializer_list<Method> methods,
        int since = 0);

  const char* name() const { return name_; }
  // nullptr if neither the class nor its parents have the method in the macOS that is played.
  Imp find(SEL selector, bool of_class) const;
  // alloc in all but name; nil where macOS has no such class.
  Object* create() const;

  mutable std::atomic<int64_t> live{0};

 private:
  struct Entry {
    Imp imp;
    int since;
  };
  using Table = std::unordered_map<SEL, Entry>;
  const char* const name_;
  const Class* const parent_;
  const Create create_;
  const int since_;
  Table object_methods_, class_methods_;
};

template <auto Function>
struct Thunk;
template <class T, class R, class... A, R (T::*Function)(A...)>
struct Thunk<Function> {
  static R call(T* self, SEL, A... arguments) { return (self->*Function)(arguments...); }
};
template <class T, class R, class... A, R (T::*Function)(A...) const>
struct Thunk<Function> {
  static R call(T* self, SEL, A... arguments) { return (self->*Function)(arguments...); }
};
template <class R, class... A, R (*Function)(A...)>
struct Thunk<Function> {
  static R call(Class*, SEL, A... arguments) { return Function(arguments...); }
};

// A member function as a method; its parameters must be those of the Objective-C method.
template <auto Function>
Method method(const char* selector, int since = 0) {
  return {selector, reinterpret_cast<Imp>(&Thunk<Function>::call), false, since};
}
template <auto Function>
Method class_method(const char* selector, int since = 0) {
  return {selector, reinterpret_cast<Imp>(&Thunk<Function>::call), true, since};
}

template <class T>
Object* create() {
  return new T;
}

// Owns one reference.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(const Ref& other) : Ref(share(other.object_)) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  static Ref share(T* object) {
    if (object != nullptr) object->retain();
    return adopt(object);
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // An autoreleased reference for the caller, as getters return.
  T* lend() const {
    if (object_ != nullptr) object_->retain()->autorelease();
    return object_;
  }

 private:
  T* object_ = nullptr;
};

template <class T>
T* autoreleased(T* object) {
  if (object != nullptr) object->autorelease();
  return object;
}

}  // namespace softmetal::api
