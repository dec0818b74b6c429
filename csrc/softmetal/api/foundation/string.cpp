#include "softmetal/api/foundation/string.h"

#include <cstdlib>
#include <vector>

namespace softmetal::api {

namespace {

// UTF-16 of valid UTF-8; malformed bytes stand for themselves.
std::vector<uint16_t> utf16(const std::string& text) {
  std::vector<uint16_t> units;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t code = more == 0 ? lead : lead & (0x3f >> more);
    for (int k = 1; k <= more && i + k < text.size(); ++k) {
      code = code << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3f);
    }
    i += 1 + more;
    if (code >= 0x10000) {
      units.push_back(static_cast<uint16_t>(0xd800 + ((code - 0x10000) >> 10)));
      code = 0xdc00 + (code & 0x3ff);
    }
    units.push_back(static_cast<uint16_t>(code));
  }
  return units;
}

}  // namespace

bool String::is_equal(Object* other) {
  const auto* string = dynamic_cast<String*>(other);
  return string != nullptr && string->text_ == text_;
}

String* String::description() {
  retain()->autorelease();
  return this;
}

String* String::empty() { return autoreleased(new String); }
String* String::from_string(String* other) { return autoreleased(new String(text_of(other))); }
String* String::from_c_string(const char* text, uint64_t) { return autoreleased(new String(text)); }

String* String::init_string(String* other) {
  text_ = text_of(other);
  return this;
}

String* String::init_c_string(const char* text, uint64_t) {
  text_ = text;
  return this;
}

String* String::init_bytes(void* bytes, uint64_t length, uint64_t, bool free_when_done) {
  text_.assign(static_cast<const char*>(bytes), length);
  if (free_when_done) std::free(bytes);
  return this;
}

uint64_t String::length() { return utf16(text_).size(); }

uint16_t String::character(uint64_t index) {
  const std::vector<uint16_t> units = utf16(text_);
  return index < units.size() ? units[index] : 0;
}

NS::Range String::find(String* part, uint64_t) {
  const std::size_t at = text_.find(part->text_);
  if (at == std::string::npos) return NS::Range(NS::NotFound, 0);
  return NS::Range(utf16(text_.substr(0, at)).size(), part->length());
}

String* String::append(String* other) { return autoreleased(new String(text_ + text_of(other))); }

const Class& String::cls() {
  static const Class& cls = *new Class(
      "NSString", &Object::cls(), create<String>,
      {class_method<&String::empty>("string"),
       class_method<&String::from_string>("stringWithString:"),
       class_method<&String::from_c_string>("stringWithCString:encoding:"),
       method<&String::init_string>("initWithString:"),
       method<&String::init_c_string>("initWithCString:encoding:"),
       method<&String::init_bytes>("initWithBytesNoCopy:length:encoding:freeWhenDone:"),
       method<&String::utf8>("UTF8String"), method<&String::utf8>("fileSystemRepresentation"),
       method<&String::c_string>("cStringUsingEncoding:"), method<&String::length>("length"),
       method<&String::character>("characterAtIndex:"),
       method<&String::bytes>("lengthOfBytesUsingEncoding:"),
       method<&String::most_bytes>("maximumLengthOfBytesUsingEncoding:"),
       method<&Object::is_equal>("isEqualToString:"),
       method<&String::find>("rangeOfString:options:"),
       method<&String::append>("stringByAppendingString:")});
  return cls;
}

}  // namespace softmetal::api
