// Writes the launchers and tables of a module.
#include "softmetal/compiler/tables.h"

#include <algorithm>
#include <array>

namespace softmetal {
namespace {

constexpr std::array<std::string_view, 15> kPositions = {
    "thread_position_in_grid",
    "thread_position_in_threadgroup",
    "threadgroup_position_in_grid",
    "threads_per_threadgroup",
    "dispatch_threads_per_threadgroup",
    "threadgroups_per_grid",
    "threads_per_grid",
    "thread_index_in_threadgroup",
    "thread_index_in_simdgroup",
    "thread_index_in_quadgroup",
    "simdgroup_index_in_threadgroup",
    "quadgroup_index_in_threadgroup",
    "simdgroups_per_threadgroup",
    "threads_per_simdgroup",
    "thread_execution_width",
};

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

void launcher(const KernelText& kernel, const std::string& number, std::string& out) {
  std::string names, sources;
  for (const ArgumentText& argument : kernel.arguments) {
    names += (names.empty() ? "" : ", ") + quoted(argument.name);
    sources += ", softmetal::" + argument.source;
  }
  out += "using softmetal_launcher" + number + " = softmetal::Launcher<&::" + kernel.function +
         ", decltype(&::" + kernel.function + ")" + sources + ">;\n";
  out += "static constexpr auto softmetal_arguments" + number + " = softmetal_launcher" + number +
         "::table(" + names + ");\n";
}

}  // namespace

bool is_position(std::string_view attribute) {
  return std::find(kPositions.begin(), kPositions.end(), attribute) != kPositions.end();
}

std::string tables(const std::vector<KernelText>& kernels,
                   const std::vector<ConstantText>& constants) {
  std::string out = "\n#ifndef SOFTMETAL_LINT\n# 1 \"softmetal_tables\"\n";
  std::string entries, values;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const std::string number = std::to_string(i);
    launcher(kernels[i], number, out);
    entries += "    {" + quoted(kernels[i].name) + ", softmetal_launcher" + number +
               "::launch, softmetal_arguments" + number + ".entries, softmetal_arguments" + number +
               ".used, " + kernels[i].max_threads + ", " + quoted(kernels[i].place) + "},\n";
  }
  for (const ConstantText& constant : constants) {
    values += "    {" + quoted(constant.name) + ", " + constant.index +
              ", softmetal::ScalarCode<decltype(" + constant.name + ")>::value, &" + constant.name +
              "},\n";
  }
  out += "static constexpr softmetal::abi::Kernel softmetal_kernels[] = {\n" + entries +
         "    {nullptr, nullptr, nullptr, 0, 0, nullptr}};\n";
  out += "static const softmetal::abi::Constant softmetal_constants[] = {\n" + values +
         "    {nullptr, 0, 0, nullptr}};\n";
  out += "SOFTMETAL_EXPORT(softmetal_kernels, " + std::to_string(kernels.size()) +
         ", softmetal_constants, " + std::to_string(constants.size()) + ")\n#endif\n";
  return out;
}

}  // namespace softmetal
