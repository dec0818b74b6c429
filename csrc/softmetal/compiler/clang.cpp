// The compiler's command lines.
#include "softmetal/compiler/clang.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>

#if defined(__x86_64__)
#include "cpu/x86_features.h"
#endif

namespace softmetal {
namespace {

struct Commands {
  std::mutex mutex;
  std::vector<std::string> set;                 // by set_compiler
  std::map<std::string, std::string> versions;  // by command
};
Commands& commands() {
  static Commands state;
  return state;
}

std::vector<std::string> words(const char* text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

bool is_zig(const std::vector<std::string>& command) {
  return command.size() > 1 && (command.back() == "cc" || command.back() == "c++");
}

// `zig c++` would link libc++, and build it first.
std::vector<std::string> as_c(std::vector<std::string> command) {
  if (is_zig(command)) command.back() = "cc";
  return command;
}

std::vector<std::string> compiler() {
  if (const char* clang = std::getenv("SOFTMETAL_CLANG"); clang && *clang)
    return as_c(words(clang));
  if (const char* python = std::getenv("SOFTMETAL_PYTHON"); python && *python)
    return {python, "-m", "ziglang", "cc"};
  std::lock_guard lock(commands().mutex);
  if (!commands().set.empty()) return as_c(commands().set);
  return {"python3", "-m", "ziglang", "cc"};
}

void add(std::vector<std::string>& flags, std::initializer_list<const char*> more) {
  flags.insert(flags.end(), more.begin(), more.end());
}

std::vector<std::string> target_flags(bool zig) {
#if defined(__x86_64__)
  if (!gptoss::cpu::X86Features::detect().avx2_fma_f16c)
    throw std::runtime_error("[softmetal] this processor has no AVX2, FMA and F16C");
  if (!zig) return {"-march=x86-64-v3"};
  return {"-target", "x86_64-linux-gnu", "-mcpu=x86_64_v3"};
#else
  if (!zig) return {};
  return {"-target", "aarch64-linux-gnu"};
#endif
}

// The language, common to all flavours.
std::vector<std::string> language_flags() {
  std::vector<std::string> flags = target_flags(is_zig(compiler()));
  add(flags,
      {"-x", "c++", "-std=c++20", "-nostdinc", "-nostdinc++", "-I" SOFTMETAL_MSL_DIR, "-Xclang",
       "-cl-single-precision-constant", "-fsigned-char", "-fno-exceptions", "-fno-rtti",
       "-fno-strict-aliasing", "-Wno-unknown-pragmas", "-Wno-user-defined-literals",
       "-Wno-reserved-user-defined-literal", "-Wno-duplicate-decl-specifier"});
  return flags;
}

std::vector<std::string> flavour_flags(Flavour flavour) {
  std::vector<std::string> flags = language_flags();
  if (flavour == Flavour::lint) {
    add(flags, {"-c", "-O0", "-fno-sanitize=undefined", "-Wall", "-Wextra", "-DSOFTMETAL_LINT"});
    return flags;
  }
  add(flags, {"-g", "-gdwarf-4", "-gline-tables-only", "-fPIC", "-shared", "-nostdlib", "-lm",
              "-lc", "-fvisibility=hidden", "-fno-sanitize=undefined", "-fno-threadsafe-statics",
              "-fno-stack-protector", "-ffp-contract=off", "-w"});
#if defined(__x86_64__)
  add(flags, {"-mno-red-zone", "-fexcess-precision=16"});
#endif
  if (flavour == Flavour::fast) add(flags, {"-O2", "-fomit-frame-pointer"});
  if (flavour == Flavour::checked) {
    add(flags, {"-O2", "-DSOFTMETAL_CHECKED", "-fsanitize=kernel-address"});
    for (const char* option :
         {"-asan-kernel-mem-intrinsic-prefix=1", "-asan-instrumentation-with-call-threshold=0",
          "-asan-stack=0", "-asan-globals=0", "-asan-opt-same-temp=0",
          "-asan-instrument-atomics=0"})
      add(flags, {"-mllvm", option});
  }
  if (flavour == Flavour::coverage)
    add(flags, {"-O0", "-DSOFTMETAL_COVERAGE",
                "-fsanitize-coverage=bb,no-prune,inline-bool-flag,pc-table"});
  return flags;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

Outcome run_compiler(const std::vector<std::string>& flags) {
  std::vector<std::string> command = compiler();
  command.insert(command.end(), flags.begin(), flags.end());
  return run_command(command);
}

}  // namespace

void set_compiler(std::vector<std::string> command) {
  std::lock_guard lock(commands().mutex);
  commands().set = std::move(command);
}

std::string compiler_identity(Flavour flavour) {
  const std::string name = joined(compiler());
  std::unique_lock lock(commands().mutex);
  const auto known = commands().versions.find(name);
  std::string version = known == commands().versions.end() ? "" : known->second;
  lock.unlock();
  if (version.empty()) {
    version = run_compiler({"--version"}).output;
    lock.lock();
    commands().versions[name] = version;
    lock.unlock();
  }
  return version + joined(flavour_flags(flavour));
}

Outcome preprocess(const std::string& file, const std::vector<std::string>& definitions) {
  std::vector<std::string> flags = language_flags();
  add(flags, {"-E", "-D__METAL_VERSION__=310", "-D__METAL__=1", "-D__METAL_MACOS__=1"});
  for (const std::string& definition : definitions) flags.push_back("-D" + definition);
  flags.push_back(file);
  return run_compiler(flags);
}

Outcome build(const std::string& file, Flavour flavour, bool fast_math, const std::string& target) {
  std::vector<std::string> flags = flavour_flags(flavour);
  if (fast_math) add(flags, {"-ffast-math", "-ffp-contract=fast"});
  flags.push_back(file);
  add(flags, {"-o", target.c_str()});
  return run_compiler(flags);
}

std::string header_texts() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SOFTMETAL_MSL_DIR))
    if (entry.path().extension() == ".h") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::string text;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    text.append(std::istreambuf_iterator<char>(file), {});
  }
  return text;
}

}  // namespace softmetal
