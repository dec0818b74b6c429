// The parts of the Python module `_core`. No logic lives here: arguments in, arrays out.
#pragma once

#include <pybind11/pybind11.h>

namespace gptoss::python {

void bind_model(pybind11::module_& m);
void bind_prefix(pybind11::module_& m);
void bind_session(pybind11::module_& m);
void bind_sampler(pybind11::module_& m);
#ifdef GPTOSS_METAL
void bind_metal(pybind11::module_& m);
#endif

}  // namespace gptoss::python
