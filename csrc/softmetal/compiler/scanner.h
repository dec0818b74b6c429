// Preprocessed Metal text cut into tokens; attributes set apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softmetal {

struct Token {
  enum class Kind { identifier, number, literal, punctuation };
  Kind kind;
  size_t begin, end;  // offsets in the text
};

// One `name(argument)` of a [[…]] list.
struct Attribute {
  std::string name;
  std::string argument;
  size_t position;    // index of the token that follows the list
  size_t begin, end;  // of the whole list in the text
};

struct Tokens {
  std::vector<Token> tokens;  // without attribute lists, directives and white space
  std::vector<Attribute> attributes;
};
Tokens scan(std::string_view text);

// "file:line" of an offset, by the line markers before it.
std::string place_of(std::string_view text, size_t offset);

}  // namespace softmetal
