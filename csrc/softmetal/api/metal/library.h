// MTLLibrary, MTLFunction, MTLCompileOptions, MTLFunctionConstantValues.
#pragma once

#include <Foundation/NSTypes.hpp>
#include <Metal/MTLDataType.hpp>
#include <map>
#include <memory>
#include <string>

#include "softmetal/api/foundation/collections.h"
#include "softmetal/api/foundation/error.h"
#include "softmetal/api/metal/resource.h"
#include "softmetal/engine/program.h"

namespace softmetal::api {

class Function;

class LibraryOptions : public Object {
 public:
  LibraryOptions() : Object(cls()) {}
  Object* copy() override { return new LibraryOptions(*this); }
  CompileOptions options() const;
  // As "MSL 3.1, math safe, functions precise", for the ledger.
  std::string described() const;
  static const Class& cls();

 private:
  void set_version(uint64_t version) { version_ = version; }
  uint64_t version() { return version_; }
  void set_fast_math(bool on) {
    math_mode_ = on ? 2 : 0;
    functions_ = on ? 0 : 1;
  }
  bool fast_math() { return math_mode_ == 2; }
  void set_math_mode(int64_t mode) { math_mode_ = mode; }
  int64_t math_mode() { return math_mode_; }
  void set_functions(int64_t functions) { functions_ = functions; }
  int64_t functions() { return functions_; }
  void set_macros(Dictionary* macros) { macros_ = Ref<Dictionary>::share(macros); }
  Dictionary* macros() { return macros_.get(); }
  void set_invariance(bool on) { invariance_ = on; }
  bool invariance() { return invariance_; }
  void set_max_threads(uint64_t threads) { max_threads_ = threads; }
  uint64_t max_threads() { return max_threads_; }
  void set_level(int64_t level) { level_ = level; }
  int64_t level() { return level_; }

  uint64_t version_ = 0, max_threads_ = 0;
  int64_t math_mode_ = 2, functions_ = 0, level_ = 0;  // fast is Metal's default
  bool invariance_ = false;
  Ref<Dictionary> macros_;
};

class FunctionConstants : public Object {
 public:
  FunctionConstants() : Object(cls()) {}
  Object* copy() override { return new FunctionConstants(*this); }
  // The values as this program names them. Throws std::invalid_argument for a wrong type.
  ConstantValues values(const Program& program) const;
  static const Class& cls();

 private:
  void set_at(const void* value, MTL::DataType type, uint64_t index);
  void set_named(const void* value, MTL::DataType type, String* name);
  void set_range(const void* values, MTL::DataType type, NS::Range range);
  void reset();

  std::map<uint64_t, ConstantValue> by_index_;
  std::map<std::string, ConstantValue> by_name_;
};

class Library : public Labelled {
 public:
  Library(Device* device, std::shared_ptr<Program> program);
  ~Library() override;
  static const Class& cls();

 private:
  Device* device() { return device_.get(); }
  Array* names();
  Function* function(String* name);
  Function* function_with(String* name, FunctionConstants* constants, Error** error);
  void function_async(String* name, FunctionConstants* constants, const void* handler);

  Ref<Device> device_;
  std::shared_ptr<Program> program_;
};

class Function : public Labelled {
 public:
  Function(Device* device, std::shared_ptr<Program> program, std::string name,
           ConstantValues constants);
  ~Function() override;
  const std::shared_ptr<Program>& program() const { return program_; }
  const std::string& name() const { return name_; }
  const ConstantValues& constants() const { return constants_; }
  static const Class& cls();

 private:
  Device* device() { return device_.get(); }
  String* name_string() { return autoreleased(new String(name_)); }
  uint64_t type() { return 3; }  // MTLFunctionTypeKernel

  Ref<Device> device_;
  std::shared_ptr<Program> program_;
  std::string name_;
  ConstantValues constants_;
};

}  // namespace softmetal::api
