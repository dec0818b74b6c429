#include <pybind11/stl.h>

#include "cpu/bandwidth.h"
#include "model/error.h"
#include "python/bindings.h"
#ifdef GPTOSS_SOFTMETAL
#include "softmetal/python/module.h"
#endif
#include "runtime/backends.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of gptoss-metal: models, sessions and sampling.";
  // The exceptions are Python's own (gptoss_metal/errors.py), so that both sides raise the same.
  const py::module_ errors = py::module_::import("gptoss_metal.errors");
  m.attr("Error") = errors.attr("Error");
  m.attr("Cancelled") = errors.attr("Cancelled");
  py::register_local_exception_translator([](std::exception_ptr raised) {
    const auto set = [](const char* name, const char* message) {
      const py::object type = py::module_::import("gptoss_metal.errors").attr(name);
      PyErr_SetString(type.ptr(), message);
    };
    try {
      if (raised) std::rethrow_exception(raised);
    } catch (const gptoss::Cancelled& cancelled) {
      set("Cancelled", cancelled.what());
    } catch (const gptoss::Error& error) {
      set("Error", error.what());
    }
  });
  gptoss::python::bind_model(m);
  gptoss::python::bind_prefix(m);
  gptoss::python::bind_session(m);
  gptoss::python::bind_sampler(m);
#ifdef GPTOSS_METAL
  gptoss::python::bind_metal(m);
#endif
  m.def(
      "backends", [] { return py::tuple(py::cast(gptoss::backends())); },
      "Where this build can compute: cpu, and metal if it has that.");
  m.def("default_backend", &gptoss::default_backend, py::call_guard<py::gil_scoped_release>(),
        "Where it computes if nobody says.");
#ifdef GPTOSS_SOFTMETAL
  softmetal::python::bind_softmetal(m);
#endif
  m.def(
      "read_bandwidth",
      [](int threads, uint64_t bytes) {
        const py::gil_scoped_release release;
        return gptoss::cpu::read_bandwidth(threads, bytes) / 1e9;
      },
      py::arg("threads"), py::arg("bytes"), "Measured read bandwidth of this machine in GB/s.");
}
