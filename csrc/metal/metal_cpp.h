// Apple's C++ headers for Metal, and what every file here needs beside them: ownership, pools,
// text.
#pragma once

#include <Foundation/Foundation.hpp>
#include <Metal/Metal.hpp>
#include <string>
#include <utility>

namespace gptoss::metal {

// Owns one reference, or nothing. (NS::SharedPtr calls methods of null pointers, which compilers
// take as proof that a pointer is not null: they drop the code behind a check that found one.)
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* owned) : object_(owned) {}
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// Of what methods named new…, alloc or copy return.
template <class T>
Ref<T> owned(T* object) {
  return Ref<T>(object);
}

// Of what is autoreleased or belongs to somebody else.
template <class T>
Ref<T> retained(T* object) {
  if (object != nullptr) object->retain();
  return Ref<T>(object);
}

// Metal hands out many objects autoreleased; they go when the pool at our public entry goes.
class Pool {
 public:
  Pool() : pool_(NS::AutoreleasePool::alloc()->init()) {}
  ~Pool() { pool_->release(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  NS::AutoreleasePool* pool_;
};

inline Ref<NS::String> ns_string(const std::string& text) {
  return owned(NS::String::alloc()->init(text.c_str(), NS::UTF8StringEncoding));
}

inline std::string text_of(const NS::String* string) {
  const char* text = string == nullptr ? nullptr : string->utf8String();
  return text == nullptr ? "" : text;
}

// Whether this macOS has a method: newer ones are asked for before they are called.
struct Selectors : NS::Object {
  static bool has(const void* object, const char* selector) {
    return NS::Object::respondsToSelector(object, sel_registerName(selector));
  }
};

}  // namespace gptoss::metal
