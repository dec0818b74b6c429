// NSString: immutable UTF-8.
#pragma once

#include <Foundation/NSRange.hpp>
#include <Foundation/NSString.hpp>
#include <string>

#include "softmetal/api/runtime.h"

namespace softmetal::api {

class String : public Object {
 public:
  String() : Object(cls()) {}
  explicit String(std::string text) : Object(cls()), text_(std::move(text)) {}
  const std::string& text() const { return text_; }

  bool is_equal(Object* other) override;
  uint64_t hash() override { return std::hash<std::string>{}(text_); }
  String* description() override;

  static const Class& cls();

 private:
  static String* empty();
  static String* from_string(String* other);
  static String* from_c_string(const char* text, uint64_t encoding);
  String* init_string(String* other);
  String* init_c_string(const char* text, uint64_t encoding);
  String* init_bytes(void* bytes, uint64_t length, uint64_t encoding, bool free_when_done);
  const char* utf8() { return text_.c_str(); }
  const char* c_string(uint64_t) { return text_.c_str(); }
  uint64_t length();  // in UTF-16 units
  uint16_t character(uint64_t index);
  uint64_t bytes(uint64_t) { return text_.size(); }
  uint64_t most_bytes(uint64_t) { return 3 * length(); }
  NS::Range find(String* part, uint64_t options);
  String* append(String* other);

  std::string text_;
};

// The text of a string that may be nil.
inline std::string text_of(const String* string) {
  return string == nullptr ? std::string() : string->text();
}

}  // namespace softmetal::api
