// `_core.softmetal`: the controls of software Metal, and a runner for kernels of one's own.
#pragma once

#include <pybind11/pybind11.h>

namespace softmetal::python {

void bind_softmetal(pybind11::module_& parent);
void bind_runner(pybind11::module_& m);

}  // namespace softmetal::python
