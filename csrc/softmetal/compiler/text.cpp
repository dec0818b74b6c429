// Preprocesses and translates; also the lint check.
#include "softmetal/compiler/text.h"

#include <fstream>

#include "softmetal/compiler/cache.h"
#include "softmetal/compiler/clang.h"
#include "softmetal/compiler/lint.h"
#include "softmetal/compiler/translate.h"

namespace softmetal {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

std::string cpp_text(const std::string& source, const CompileOptions& options) {
  const TemporaryFile file(".metal");
  write_file(file.path(), "#line 1 \"program_source\"\n" + without_metal_includes(source));
  std::vector<std::string> definitions;
  for (const auto& [name, value] : options.macros) definitions.push_back(name + "=" + value);
  const Outcome outcome = preprocess(file.path(), definitions);
  if (!outcome.ok) throw CompileError(outcome.messages);
  return "#include \"metal_stdlib.h\"\n" + translate(outcome.output);
}

std::string lint(const std::string& source) {
  try {
    const TemporaryFile file(".cpp");
    write_file(file.path(), cpp_text(source, {}));
    const TemporaryFile object(".o");
    const Outcome outcome = build(file.path(), Flavour::lint, false, object.path());
    if (!outcome.ok && outcome.messages.empty()) return "the compiler failed without a message";
    return outcome.messages;
  } catch (const CompileError& error) {
    return error.what();
  }
}

}  // namespace softmetal
