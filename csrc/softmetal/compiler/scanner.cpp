// Cuts preprocessed Metal text into tokens.
#include "softmetal/compiler/scanner.h"

#include <cctype>
#include <cstdlib>

namespace softmetal {
namespace {

bool starts_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool continues_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

size_t end_of_line(std::string_view text, size_t at) {
  const size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end;
}

size_t end_of_literal(std::string_view text, size_t begin) {
  size_t at = begin + 1;
  while (at < text.size() && text[at] != text[begin]) at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

// All tokens; those of attribute lists too.
std::vector<Token> cut(std::string_view text) {
  std::vector<Token> tokens;
  bool line_start = true;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\n') line_start = true;
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++at;
      continue;
    }
    if (c == '#' && line_start) {
      at = end_of_line(text, at);
      continue;
    }
    line_start = false;
    size_t end = at + 1;
    Token::Kind kind = Token::Kind::punctuation;
    if (starts_word(c)) {
      kind = Token::Kind::identifier;
      while (end < text.size() && continues_word(text[end])) ++end;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      kind = Token::Kind::number;
      while (end < text.size() && (continues_word(text[end]) || text[end] == '.')) ++end;
    } else if (c == '"' || c == '\'') {
      kind = Token::Kind::literal;
      end = end_of_literal(text, at);
    }
    tokens.push_back({kind, at, end});
    at = end;
  }
  return tokens;
}

bool is(std::string_view text, const Token& token, char c) {
  return token.kind == Token::Kind::punctuation && text[token.begin] == c;
}

// Reads the list that opens at tokens[at]; returns the index after it.
size_t read_attributes(std::string_view text, const std::vector<Token>& tokens, size_t at,
                       Tokens& result) {
  const size_t first = result.attributes.size(), begin = tokens[at].begin;
  size_t i = at + 2;
  while (i < tokens.size() && !is(text, tokens[i], ']')) {
    if (tokens[i].kind != Token::Kind::identifier) {
      ++i;
      continue;
    }
    Attribute attribute;
    attribute.name = text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
    ++i;
    if (i < tokens.size() && is(text, tokens[i], '(')) {
      int depth = 0;
      do {
        if (is(text, tokens[i], '(')) ++depth;
        if (is(text, tokens[i], ')')) --depth;
        if (depth > 0 && !(depth == 1 && is(text, tokens[i], '(')))
          attribute.argument += text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
        ++i;
      } while (i < tokens.size() && depth > 0);
    }
    result.attributes.push_back(std::move(attribute));
  }
  i = std::min(i + 2, tokens.size());
  for (size_t k = first; k < result.attributes.size(); ++k) {
    result.attributes[k].position = result.tokens.size();
    result.attributes[k].begin = begin;
    result.attributes[k].end = tokens[i - 1].end;
  }
  return i;
}

}  // namespace

Tokens scan(std::string_view text) {
  const std::vector<Token> all = cut(text);
  Tokens result;
  for (size_t i = 0; i < all.size();) {
    const bool opens = i + 1 < all.size() && is(text, all[i], '[') && is(text, all[i + 1], '[') &&
                       all[i].end == all[i + 1].begin;
    if (opens) {
      i = read_attributes(text, all, i, result);
    } else {
      result.tokens.push_back(all[i++]);
    }
  }
  return result;
}

std::string place_of(std::string_view text, size_t offset) {
  std::string file = "program_source";
  long line = 1;
  for (size_t at = 0; at < text.size();) {
    const size_t end = end_of_line(text, at);
    if (offset <= end) break;
    ++line;
    if (text[at] == '#' && at + 2 < text.size() && std::isdigit(text[at + 2])) {
      line = std::strtol(text.data() + at + 2, nullptr, 10);
      const size_t open = text.find('"', at), close = text.find('"', open + 1);
      if (close < end) file = text.substr(open + 1, close - open - 1);
    }
    at = end + 1;
  }
  return file + ":" + std::to_string(line);
}

}  // namespace softmetal
