// A strict reader for the JSON inside a model file, which is not trusted: depth and size are
// bounded, duplicate keys and trailing bytes are errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptoss {

class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  // Throws Error with `where` in front when `text` is not one JSON value.
  static Json parse(std::string_view text, const std::string& where);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }

  // Each throws Error when the value has another kind; `where` names it in the message.
  bool boolean(const std::string& where) const;
  double number(const std::string& where) const;
  // A whole number in 0 .. 2^53.
  uint64_t unsigned_integer(const std::string& where) const;
  const std::string& string(const std::string& where) const;
  const std::vector<Json>& array(const std::string& where) const;
  const std::vector<std::pair<std::string, Json>>& object(const std::string& where) const;

  // The member `key` of an object, or nullptr.
  const Json* find(std::string_view key) const;
  // The member `key`; throws Error when it is missing.
  const Json& at(std::string_view key, const std::string& where) const;

 private:
  friend class JsonReader;
  Kind kind_ = Kind::null;
  bool boolean_ = false;
  double number_ = 0;
  std::string string_;
  std::vector<Json> array_;
  std::vector<std::pair<std::string, Json>> object_;
};

}  // namespace gptoss
