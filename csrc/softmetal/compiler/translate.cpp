// Translates preprocessed Metal text.
#include "softmetal/compiler/translate.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "softmetal/compiler/scanner.h"
#include "softmetal/compiler/tables.h"
#include "softmetal/engine/program.h"

namespace softmetal {
namespace {

class Translator {
 public:
  explicit Translator(std::string_view text) : text_(text), scanned_(scan(text)) {}

  std::string run() {
    blank_attributes();
    for (size_t i = 0; i < scanned_.tokens.size(); ++i) {
      if (word(i) == "threadgroup") refuse_variable(i);
      if (word(i) == "kernel") read_kernel(i, true);
    }
    for (const Attribute& attribute : scanned_.attributes) {
      if (attribute.name == "kernel") read_kernel(attribute.position, false);
      if (attribute.name == "function_constant") read_constant(attribute);
    }
    read_instantiations();
    return apply_edits() + tables(kernels_, constants_);
  }

 private:
  std::string_view word(size_t i) const {
    if (i >= scanned_.tokens.size()) return {};
    const Token& token = scanned_.tokens[i];
    return text_.substr(token.begin, token.end - token.begin);
  }

  [[noreturn]] void fail(size_t token, const std::string& message) const {
    const size_t last = scanned_.tokens.size() - 1;
    throw CompileError(place_of(text_, scanned_.tokens[std::min(token, last)].begin) +
                       ": error: " + message);
  }

  void edit(size_t begin, size_t end, std::string replacement) {
    edits_[begin] = {end, std::move(replacement)};
  }

  void blank_attributes() {
    for (const Attribute& attribute : scanned_.attributes)
      edit(attribute.begin, attribute.end, " ");
  }

  // `threadgroup T name…` declares memory; only pointers and references to it can be translated.
  void refuse_variable(size_t i) const {
    int angles = 0;
    for (size_t k = i + 1; k < scanned_.tokens.size(); ++k) {
      const std::string_view next = word(k);
      if (next == "*" || next == "&") return;
      if (next == "<") ++angles;
      if (next == ">" && --angles < 0) break;
      if (angles == 0 &&
          (next == ";" || next == "=" || next == "," || next == ")" || next == "{" || next == "["))
        break;
    }
    fail(i, "threadgroup memory is declared in a function. Try: a [[threadgroup(n)]] argument");
  }

  size_t statement_begin(size_t i) const {
    while (i > 0) {
      const std::string_view previous = word(i - 1);
      if (previous == ";" || previous == "}" || previous == "{") break;
      --i;
    }
    return i;
  }

  const Attribute* attribute_between(size_t first, size_t last, std::string_view name) const {
    for (const Attribute& attribute : scanned_.attributes) {
      if (attribute.position >= first && attribute.position <= last && attribute.name == name)
        return &attribute;
    }
    return nullptr;
  }

  size_t closing(size_t open, std::string_view left, std::string_view right) const {
    int depth = 0;
    for (size_t i = open; i < scanned_.tokens.size(); ++i) {
      if (word(i) == left) ++depth;
      if (word(i) == right && --depth == 0) return i;
    }
    fail(open, "unbalanced brackets");
  }

  // A kernel's definition, template or not; `i` is the keyword or the token after [[kernel]].
  void read_kernel(size_t i, bool keyword) {
    const size_t begin = statement_begin(i);
    if (word(begin) == "template" && word(begin + 1) != "<") {
      if (keyword) edit(scanned_.tokens[i].begin, scanned_.tokens[i].end, " ");
      return;
    }
    if (keyword) {
      edit(scanned_.tokens[i].begin, scanned_.tokens[i].end, "SOFTMETAL_KERNEL");
    } else {
      const Attribute* mark = attribute_between(i, i, "kernel");
      edit(mark->begin, mark->end, " SOFTMETAL_KERNEL ");
    }
    size_t open = i;
    while (open < scanned_.tokens.size() && word(open) != "(") ++open;
    const size_t close = closing(open, "(", ")");
    KernelText kernel;
    kernel.function = word(open - 1);
    kernel.name = kernel.function;
    kernel.place = place_of(text_, scanned_.tokens[open - 1].begin);
    kernel.arguments = read_arguments(open, close);
    if (const Attribute* limit =
            attribute_between(begin, close + 1, "max_total_threads_per_threadgroup"))
      kernel.max_threads = limit->argument;
    if (const Attribute* name = attribute_between(begin, open, "host_name"))
      kernel.name = name->argument.substr(1, name->argument.size() - 2);
    if (word(close + 1) != "{") return;
    if (word(begin) == "template") {
      templates_[kernel.function] = kernel;
    } else {
      kernels_.push_back(kernel);
    }
  }

  std::vector<ArgumentText> read_arguments(size_t open, size_t close) const {
    std::vector<ArgumentText> arguments;
    size_t begin = open + 1;
    int depth = 0;
    for (size_t i = open + 1; i <= close; ++i) {
      const std::string_view token = word(i);
      if (token == "(" || token == "<" || token == "[") ++depth;
      if (i < close && (token == ")" || token == ">" || token == "]")) --depth;
      if ((token == "," && depth == 0) || i == close) {
        if (i > begin) arguments.push_back(read_argument(begin, i));
        begin = i + 1;
      }
    }
    return arguments;
  }

  ArgumentText read_argument(size_t begin, size_t end) const {
    const std::string name(word(end - 1));
    for (const Attribute& attribute : scanned_.attributes) {
      if (attribute.position < begin || attribute.position > end) continue;
      if (attribute.name == "function_constant") continue;
      if (attribute.name == "buffer") return {name, "Buffer<" + attribute.argument + ">"};
      if (attribute.name == "threadgroup") return {name, "Threadgroup<" + attribute.argument + ">"};
      if (is_position(attribute.name)) return {name, "attribute::" + attribute.name};
      fail(end - 1, "[[" + attribute.name + "]] is not supported");
    }
    fail(end - 1, "kernel argument '" + name + "' needs an attribute. Try: [[buffer(n)]]");
  }

  // constant T name [[function_constant(n)]];
  void read_constant(const Attribute& attribute) {
    const size_t name = attribute.position - 1, begin = statement_begin(name);
    if (word(begin) != "constant") return;  // a condition of an argument
    edit(scanned_.tokens[begin].begin, scanned_.tokens[begin].end, "SOFTMETAL_FUNCTION_CONSTANT");
    edit(attribute.begin, attribute.end, " = {}");
    constants_.push_back({std::string(word(name)), attribute.argument});
  }

  // template [[host_name("n")]] … function<T…>(…); or … decltype(function<T…>) function<T…>;
  void read_instantiations() {
    for (const Attribute& attribute : scanned_.attributes) {
      if (attribute.name != "host_name") continue;
      const size_t begin = statement_begin(attribute.position);
      if (word(begin) != "template" || word(begin + 1) == "<") continue;
      for (size_t i = begin + 1; i < scanned_.tokens.size() && word(i) != ";"; ++i) {
        const auto found = templates_.find(std::string(word(i)));
        if (found == templates_.end()) continue;
        const size_t close = closing(i + 1, "<", ">");
        KernelText kernel = found->second;
        kernel.name = attribute.argument.substr(1, attribute.argument.size() - 2);
        kernel.function = text_.substr(scanned_.tokens[i].begin,
                                       scanned_.tokens[close].end - scanned_.tokens[i].begin);
        kernels_.push_back(kernel);
        break;
      }
    }
  }

  // Line breaks inside what is replaced are kept.
  std::string apply_edits() const {
    std::string result;
    size_t at = 0;
    for (const auto& [begin, change] : edits_) {
      result += text_.substr(at, begin - at);
      result += change.second;
      const std::string_view gone = text_.substr(begin, change.first - begin);
      result.append(std::count(gone.begin(), gone.end(), '\n'), '\n');
      at = change.first;
    }
    return result + std::string(text_.substr(at));
  }

  std::string_view text_;
  Tokens scanned_;
  std::map<size_t, std::pair<size_t, std::string>> edits_;
  std::map<std::string, KernelText> templates_;
  std::vector<KernelText> kernels_;
  std::vector<ConstantText> constants_;
};

}  // namespace

std::string without_metal_includes(const std::string& source) {
  std::string result;
  for (size_t at = 0; at < source.size();) {
    size_t end = source.find('\n', at);
    end = end == std::string::npos ? source.size() : end + 1;
    const std::string line = source.substr(at, end - at);
    const size_t hash = line.find_first_not_of(" \t");
    const bool include = hash != std::string::npos && line[hash] == '#' &&
                         line.find("include", hash) != std::string::npos;
    const bool ours =
        line.find("<metal_") != std::string::npos || line.find("<simd/") != std::string::npos;
    result += include && ours ? "\n" : line;
    at = end;
  }
  return result;
}

std::string translate(const std::string& preprocessed) { return Translator(preprocessed).run(); }

}  // namespace softmetal
