// The C++ text after the translated kernels: launchers, kernel and constant tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softmetal {

struct ArgumentText {
  std::string name;
  std::string source;  // a type of msl/launch.h
};

struct KernelText {
  std::string name;      // for the host
  std::string function;  // in C++: a name or a template-id
  std::vector<ArgumentText> arguments;
  std::string max_threads = "1024";
  std::string place;  // file:line of its name
};

struct ConstantText {
  std::string name, index;
};

// Whether msl/launch.h has an argument of this attribute.
bool is_position(std::string_view attribute);

std::string tables(const std::vector<KernelText>& kernels,
                   const std::vector<ConstantText>& constants);

}  // namespace softmetal
