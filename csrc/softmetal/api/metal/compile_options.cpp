// MTLCompileOptions and MTLFunctionConstantValues.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "softmetal/api/foundation/number.h"
#include "softmetal/api/metal/library.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

template <class T>
T load(const void* value, uint64_t at) {
  T result;
  std::memcpy(&result, static_cast<const uint8_t*>(value) + at * sizeof(T), sizeof(T));
  return result;
}

// The `at`-th value of an array of this type.
ConstantValue read(const void* values, MTL::DataType type, uint64_t at) {
  switch (type) {
    case MTL::DataTypeBool:
      return load<uint8_t>(values, at) != 0;
    case MTL::DataTypeInt:
      return load<int32_t>(values, at);
    case MTL::DataTypeUInt:
      return load<uint32_t>(values, at);
    case MTL::DataTypeShort:
      return load<int16_t>(values, at);
    case MTL::DataTypeUShort:
      return load<uint16_t>(values, at);
    case MTL::DataTypeFloat:
      return load<float>(values, at);
    default:
      report({"api", "", "-[MTLFunctionConstantValues setConstantValue:]", "",
              "function constants are bool, int, uint, short, ushort or float here"});
      return false;
  }
}

// The variant's alternatives in the order of ScalarType.
std::size_t alternative(ScalarType type) {
  switch (type) {
    case ScalarType::boolean:
      return 0;
    case ScalarType::int32:
      return 1;
    case ScalarType::uint32:
      return 2;
    case ScalarType::int16:
      return 3;
    case ScalarType::uint16:
      return 4;
    case ScalarType::float32:
      return 5;
  }
  return 0;
}

std::string macro_text(Object* value) {
  if (const auto* string = dynamic_cast<String*>(value)) return string->text();
  if (const auto* number = dynamic_cast<Number*>(value)) return number->text();
  return "";
}

}  // namespace

CompileOptions LibraryOptions::options() const {
  CompileOptions result;
  result.fast_math = math_mode_ != 0;
  if (!macros_) return result;
  for (const Ref<Object>& key : macros_->keys()) {
    result.macros[macro_text(key.get())] = macro_text(macros_->find(key.get()));
  }
  return result;
}

std::string LibraryOptions::described() const {
  constexpr const char* kModes[] = {"safe", "relaxed", "fast"};
  const std::string version =
      version_ == 0 ? "newest"
                    : std::to_string(version_ >> 16) + "." + std::to_string(version_ & 0xffff);
  return "MSL " + version + ", math " + kModes[std::clamp<int64_t>(math_mode_, 0, 2)] +
         ", functions " + (functions_ == 0 ? "fast" : "precise");
}

const Class& LibraryOptions::cls() {
  using T = LibraryOptions;
  static const Class& cls = *new Class(
      "MTLCompileOptions", &Object::cls(), create<T>,
      {method<&T::set_version>("setLanguageVersion:"), method<&T::version>("languageVersion"),
       method<&T::set_fast_math>("setFastMathEnabled:"), method<&T::fast_math>("fastMathEnabled"),
       method<&T::set_math_mode>("setMathMode:", 15), method<&T::math_mode>("mathMode", 15),
       method<&T::set_functions>("setMathFloatingPointFunctions:", 15),
       method<&T::functions>("mathFloatingPointFunctions", 15),
       method<&T::set_macros>("setPreprocessorMacros:"), method<&T::macros>("preprocessorMacros"),
       method<&T::set_invariance>("setPreserveInvariance:"),
       method<&T::invariance>("preserveInvariance"),
       method<&T::set_max_threads>("setMaxTotalThreadsPerThreadgroup:"),
       method<&T::max_threads>("maxTotalThreadsPerThreadgroup"),
       method<&T::set_level>("setOptimizationLevel:"), method<&T::level>("optimizationLevel")});
  return cls;
}

void FunctionConstants::set_at(const void* value, MTL::DataType type, uint64_t index) {
  by_index_[index] = read(value, type, 0);
}

void FunctionConstants::set_named(const void* value, MTL::DataType type, String* name) {
  by_name_[text_of(name)] = read(value, type, 0);
}

void FunctionConstants::set_range(const void* values, MTL::DataType type, NS::Range range) {
  for (uint64_t i = 0; i < range.length; ++i) by_index_[range.location + i] = read(values, type, i);
}

void FunctionConstants::reset() {
  by_index_.clear();
  by_name_.clear();
}

ConstantValues FunctionConstants::values(const Program& program) const {
  ConstantValues result;
  for (const FunctionConstant& constant : program.constants()) {
    const auto indexed = by_index_.find(static_cast<uint64_t>(constant.index));
    const auto named = by_name_.find(constant.name);
    if (indexed == by_index_.end() && named == by_name_.end()) continue;
    const ConstantValue& value = named == by_name_.end() ? indexed->second : named->second;
    if (value.index() != alternative(constant.type)) {
      throw std::invalid_argument("function constant '" + constant.name +
                                  "' is set with another type");
    }
    result[constant.index] = value;
  }
  return result;
}

const Class& FunctionConstants::cls() {
  using T = FunctionConstants;
  static const Class& cls = *new Class(
      "MTLFunctionConstantValues", &Object::cls(), create<T>,
      {method<&T::set_at>("setConstantValue:type:atIndex:"),
       method<&T::set_named>("setConstantValue:type:withName:"),
       method<&T::set_range>("setConstantValues:type:withRange:"), method<&T::reset>("reset")});
  return cls;
}

}  // namespace softmetal::api
