#include "model/json.h"

#include <cstdlib>
#include <unordered_set>

#include "model/error.h"

namespace gptoss {

namespace {
constexpr int kMaxDepth = 32;
const char* const kRemedy = "convert the model again";
}  // namespace

class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Json document() {
    Json value = read_value(0);
    skip_space();
    if (pos_ != text_.size()) fail("has bytes after its end");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(where_, "the JSON " + what + " at byte " + std::to_string(pos_), kRemedy);
  }

  void skip_space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' ||
                                   text_[pos_] == '\n' || text_[pos_] == '\r')) {
      ++pos_;
    }
  }

  char peek() {
    skip_space();
    if (pos_ >= text_.size()) fail("ends early");
    return text_[pos_];
  }

  void expect(char c) {
    if (peek() != c) fail(std::string("lacks '") + c + "'");
    ++pos_;
  }

  bool take(std::string_view word) {
    if (text_.substr(pos_, word.size()) != word) return false;
    pos_ += word.size();
    return true;
  }

  Json read_value(int depth) {
    if (depth > kMaxDepth) fail("is nested too deeply");
    Json value;
    switch (peek()) {
      case '{':
        value.kind_ = Json::Kind::object;
        read_object(value, depth);
        break;
      case '[':
        value.kind_ = Json::Kind::array;
        read_array(value, depth);
        break;
      case '"':
        value.kind_ = Json::Kind::string;
        value.string_ = read_string();
        break;
      case 't':
      case 'f':
        value.kind_ = Json::Kind::boolean;
        value.boolean_ = text_[pos_] == 't';
        if (!take(value.boolean_ ? "true" : "false")) fail("has an unknown word");
        break;
      case 'n':
        if (!take("null")) fail("has an unknown word");
        break;
      default:
        value.kind_ = Json::Kind::number;
        value.number_ = read_number();
    }
    return value;
  }

  void read_object(Json& value, int depth) {
    std::unordered_set<std::string> keys;
    expect('{');
    if (peek() == '}') {
      ++pos_;
      return;
    }
    while (true) {
      if (peek() != '"') fail("lacks a key");
      std::string key = read_string();
      if (!keys.insert(key).second) fail("has the key '" + key + "' twice");
      expect(':');
      value.object_.emplace_back(std::move(key), read_value(depth + 1));
      if (peek() == '}') {
        ++pos_;
        return;
      }
      expect(',');
    }
  }

  void read_array(Json& value, int depth) {
    expect('[');
    if (peek() == ']') {
      ++pos_;
      return;
    }
    while (true) {
      value.array_.push_back(read_value(depth + 1));
      if (peek() == ']') {
        ++pos_;
        return;
      }
      expect(',');
    }
  }

  double read_number() {
    const size_t start = pos_;
    while (pos_ < text_.size() &&
           std::string_view("+-.0123456789eE").find(text_[pos_]) != std::string_view::npos) {
      ++pos_;
    }
    const std::string digits(text_.substr(start, pos_ - start));
    char* end = nullptr;
    const double number = std::strtod(digits.c_str(), &end);
    if (digits.empty() || end != digits.c_str() + digits.size()) fail("has a malformed number");
    return number;
  }

  uint32_t read_hex4() {
    if (pos_ + 4 > text_.size()) fail("ends early");
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[pos_++];
      code <<= 4;
      if (c >= '0' && c <= '9') {
        code |= static_cast<uint32_t>(c - '0');
      } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        code |= static_cast<uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        fail("has a malformed escape");
      }
    }
    return code;
  }

  void append_utf8(std::string& out, uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  void read_escape(std::string& out) {
    if (pos_ >= text_.size()) fail("ends early");
    const char c = text_[pos_++];
    static constexpr std::string_view from = "\"\\/bfnrt";
    static constexpr std::string_view to = "\"\\/\b\f\n\r\t";
    if (const size_t i = from.find(c); i != std::string_view::npos) {
      out += to[i];
      return;
    }
    if (c != 'u') fail("has an unknown escape");
    uint32_t code = read_hex4();
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take("\\u")) fail("has a lone surrogate");
      const uint32_t low = read_hex4();
      if (low < 0xDC00 || low >= 0xE000) fail("has a lone surrogate");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
  }

  std::string read_string() {
    std::string out;
    ++pos_;  // the opening quote, seen by the caller
    while (true) {
      if (pos_ >= text_.size()) fail("ends inside a string");
      const char c = text_[pos_++];
      if (c == '"') return out;
      if (c == '\\') {
        read_escape(out);
      } else {
        out += c;
      }
    }
  }

  std::string_view text_;
  const std::string& where_;
  size_t pos_ = 0;
};

Json Json::parse(std::string_view text, const std::string& where) {
  return JsonReader(text, where).document();
}

namespace {
[[noreturn]] void wrong_kind(const std::string& where, const char* wanted) {
  throw Error(where, std::string("is not ") + wanted, kRemedy);
}
}  // namespace

bool Json::boolean(const std::string& where) const {
  if (kind_ != Kind::boolean) wrong_kind(where, "a boolean");
  return boolean_;
}

double Json::number(const std::string& where) const {
  if (kind_ != Kind::number) wrong_kind(where, "a number");
  return number_;
}

uint64_t Json::unsigned_integer(const std::string& where) const {
  const double value = number(where);
  if (!(value >= 0 && value <= 9007199254740992.0) ||
      value != static_cast<double>(static_cast<uint64_t>(value))) {
    wrong_kind(where, "a whole number in 0 .. 2^53");
  }
  return static_cast<uint64_t>(value);
}

const std::string& Json::string(const std::string& where) const {
  if (kind_ != Kind::string) wrong_kind(where, "a string");
  return string_;
}

const std::vector<Json>& Json::array(const std::string& where) const {
  if (kind_ != Kind::array) wrong_kind(where, "an array");
  return array_;
}

const std::vector<std::pair<std::string, Json>>& Json::object(const std::string& where) const {
  if (kind_ != Kind::object) wrong_kind(where, "an object");
  return object_;
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : object_) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key, const std::string& where) const {
  const Json* value = find(key);
  if (value == nullptr) throw Error(where, "lacks '" + std::string(key) + "'", kRemedy);
  return *value;
}

}  // namespace gptoss
