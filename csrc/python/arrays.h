// Token arrays, in and out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <span>

namespace gptoss::python {

using Tokens = pybind11::array_t<int32_t, pybind11::array::c_style | pybind11::array::forcecast>;

inline std::span<const int32_t> view(const Tokens& tokens) {
  return {tokens.data(), static_cast<size_t>(tokens.size())};
}

inline pybind11::array_t<int32_t> array_of(std::span<const int32_t> tokens) {
  return pybind11::array_t<int32_t>(static_cast<pybind11::ssize_t>(tokens.size()), tokens.data());
}

}  // namespace gptoss::python
