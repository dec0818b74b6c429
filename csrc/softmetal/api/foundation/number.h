// NSValue and NSNumber.
#pragma once

#include <variant>

#include "softmetal/api/foundation/string.h"
#include "softmetal/api/runtime.h"

namespace softmetal::api {

class Number : public Object {
 public:
  using Held = std::variant<int64_t, uint64_t, double>;
  explicit Number(Held value = int64_t{0}) : Object(cls()), value_(value) {}
  template <class T>
  T as() const {
    return std::visit([](auto v) { return static_cast<T>(v); }, value_);
  }
  std::string text() const;
  bool is_equal(Object* other) override;
  uint64_t hash() override { return std::hash<double>{}(as<double>()); }
  String* description() override;
  static const Class& cls();

 private:
  template <class T>
  static Held held(T value);
  template <class T>
  static Number* make(T value) {
    return autoreleased(new Number(held(value)));
  }
  template <class T>
  Number* init_with(T value) {
    value_ = held(value);
    return this;
  }
  template <class T>
  T get() {
    return as<T>();
  }
  int64_t compare(Number* other);

  Held value_;
};

}  // namespace softmetal::api
