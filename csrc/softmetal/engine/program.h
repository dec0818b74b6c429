// A Metal source text, translated and compiled for this machine's processor, and its kernels.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace softmetal {

enum class Mode { fast, checked };

// The text is not valid: the compiler's messages with file (or #line file) and line.
class CompileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class ScalarType { boolean, int32, uint32, int16, uint16, float32 };

struct FunctionConstant {
  std::string name;
  int index;
  ScalarType type;
};
using ConstantValue = std::variant<bool, int32_t, uint32_t, int16_t, uint16_t, float>;
using ConstantValues = std::map<int, ConstantValue>;

struct KernelArgument {
  enum class Kind { buffer, threadgroup };
  std::string name;
  Kind kind;
  int index;           // n of [[buffer(n)]] or [[threadgroup(n)]]
  bool writable;       // `device T*`; not `constant T&` or `device const T*`
  uint32_t alignment;  // of T, bytes
  uint32_t size;       // of T, bytes
};

struct KernelSignature {
  std::string name;
  std::vector<KernelArgument> arguments;
  uint32_t max_threads;  // [[max_total_threads_per_threadgroup(n)]], or 1024
  std::string place;     // where its name stands: file:line

  std::string described() const { return "`" + name + "` (" + place + ")"; }
};

struct CompileOptions {
  bool fast_math = false;
  std::map<std::string, std::string> macros;
};

class Kernel;

class Program : public std::enable_shared_from_this<Program> {
 public:
  // Translates and compiles for both modes (checked lazily); cached on disk by content. Throws
  // CompileError.
  static std::shared_ptr<Program> compile(const std::string& source, const CompileOptions& options);
  virtual ~Program() = default;
  virtual const std::vector<KernelSignature>& kernels() const = 0;
  virtual const std::vector<FunctionConstant>& constants() const = 0;
  // A kernel with its function constants set, in its own copy of the machine code. Throws
  // std::invalid_argument naming a missing kernel or constant.
  virtual std::shared_ptr<Kernel> kernel(const std::string& name, const ConstantValues& values,
                                         Mode mode) = 0;
};

// Where an instruction of a kernel's machine code stands in the Metal source.
struct SourceLine {
  std::string file;  // of the #line directive, or "program_source"
  int line;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual const KernelSignature& signature() const = 0;
  virtual SourceLine line_of(uintptr_t pc) const = 0;
};

}  // namespace softmetal
