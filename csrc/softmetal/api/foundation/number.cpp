#include "softmetal/api/foundation/number.h"

#include <type_traits>

namespace softmetal::api {

template <class T>
Number::Held Number::held(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<int64_t>(value);
  } else {
    return static_cast<uint64_t>(value);
  }
}

std::string Number::text() const {
  return std::visit([](auto v) { return std::to_string(v); }, value_);
}

bool Number::is_equal(Object* other) {
  auto* number = dynamic_cast<Number*>(other);
  return number != nullptr && compare(number) == 0;
}

String* Number::description() { return autoreleased(new String(text())); }

int64_t Number::compare(Number* other) {
  if (value_.index() == other->value_.index()) {
    return value_ < other->value_ ? -1 : other->value_ < value_ ? 1 : 0;
  }
  const auto a = as<double>(), b = other->as<double>();
  return a < b ? -1 : b < a ? 1 : 0;
}

const Class& Number::cls() {
  static const Class& cls =
      *new Class("NSNumber", &Object::cls(), create<Number>,
                 {class_method<&Number::make<bool>>("numberWithBool:"),
                  class_method<&Number::make<int>>("numberWithInt:"),
                  class_method<&Number::make<unsigned>>("numberWithUnsignedInt:"),
                  class_method<&Number::make<long>>("numberWithLong:"),
                  class_method<&Number::make<unsigned long>>("numberWithUnsignedLong:"),
                  class_method<&Number::make<long long>>("numberWithLongLong:"),
                  class_method<&Number::make<unsigned long long>>("numberWithUnsignedLongLong:"),
                  class_method<&Number::make<float>>("numberWithFloat:"),
                  class_method<&Number::make<double>>("numberWithDouble:"),
                  method<&Number::init_with<bool>>("initWithBool:"),
                  method<&Number::init_with<int>>("initWithInt:"),
                  method<&Number::init_with<unsigned>>("initWithUnsignedInt:"),
                  method<&Number::init_with<long long>>("initWithLongLong:"),
                  method<&Number::init_with<unsigned long long>>("initWithUnsignedLongLong:"),
                  method<&Number::init_with<float>>("initWithFloat:"),
                  method<&Number::init_with<double>>("initWithDouble:"),
                  method<&Number::get<bool>>("boolValue"),
                  method<&Number::get<int>>("intValue"),
                  method<&Number::get<unsigned>>("unsignedIntValue"),
                  method<&Number::get<long>>("longValue"),
                  method<&Number::get<long>>("integerValue"),
                  method<&Number::get<unsigned long>>("unsignedLongValue"),
                  method<&Number::get<unsigned long>>("unsignedIntegerValue"),
                  method<&Number::get<long long>>("longLongValue"),
                  method<&Number::get<unsigned long long>>("unsignedLongLongValue"),
                  method<&Number::get<float>>("floatValue"),
                  method<&Number::get<double>>("doubleValue"),
                  method<&Number::description>("stringValue"),
                  method<&Number::compare>("compare:"),
                  method<&Object::is_equal>("isEqualToNumber:")});
  return cls;
}

}  // namespace softmetal::api
