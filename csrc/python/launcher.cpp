// What selftest and the kernels' tests use of the Metal backend. Only in builds that have it.
#include "metal/launcher.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string_view>

#include "metal/device_facts.h"
#include "metal/kernel_source.h"
#include "model/error.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

using metal::Launcher;

Error refused(const std::string& index, const std::string& what) {
  return {"launcher", "the array at index " + index + " " + what,
          "a writable, C-contiguous NumPy array"};
}

Launcher::Bytes bytes_of(const py::handle& value, const std::string& index) {
  if (!py::isinstance<py::array>(value)) throw refused(index, "is no array");
  auto array = py::reinterpret_borrow<py::array>(value);
  if ((array.flags() & py::array::c_style) == 0) throw refused(index, "is not C-contiguous");
  if (!array.writeable()) throw refused(index, "is read-only");
  return {static_cast<std::byte*>(array.mutable_data()), static_cast<size_t>(array.nbytes())};
}

// The arrays stay alive through `buffers`, which the caller holds.
Launcher::Arrays arrays_of(const py::dict& buffers) {
  Launcher::Arrays arrays;
  for (const auto& [key, value] : buffers) {
    const int index = key.cast<int>();
    const std::string name = std::to_string(index);
    std::vector<Launcher::Bytes>& list = arrays[index];
    if (py::isinstance<py::list>(value)) {
      for (const py::handle& page : value) list.push_back(bytes_of(page, name));
    } else {
      list.push_back(bytes_of(value, name));
    }
  }
  return arrays;
}

void run(Launcher& launcher, const std::string& kernel, const py::bytes& args,
         const py::dict& buffers, uint32_t count) {
  const auto text = args.cast<std::string_view>();
  const Launcher::Arrays arrays = arrays_of(buffers);
  const py::gil_scoped_release release;
  launcher.run(kernel, std::as_bytes(std::span(text)), arrays, count);
}

std::unique_ptr<Launcher> create(bool dense_q8, bool exact) {
  const py::gil_scoped_release release;
  return Launcher::open({dense_q8, exact});
}

py::dict device() {
  const metal::DeviceFacts facts = metal::device_facts();
  py::dict result;
  result["name"] = facts.name;
  result["max_buffer_length"] = facts.max_buffer_length;
  result["working_set"] = facts.working_set;
  result["threadgroup_memory"] = facts.threadgroup_memory;
  result["unified_memory"] = facts.unified_memory;
  result["residency_sets"] = facts.residency_sets;
  result["families"] = facts.families;
  return result;
}

}  // namespace

void bind_metal(py::module_& m) {
  py::class_<Launcher>(m, "Launcher", "Runs single Metal kernels over copies of arrays.")
      .def(py::init(&create), py::arg("dense_q8"), py::arg("exact"))
      .def("run", &run, py::arg("kernel"), py::arg("args"), py::arg("buffers"), py::arg("count"))
      .def("max_threads", &Launcher::max_threads, py::arg("kernel"))
      .def_static("kernels", &Launcher::kernels);
  m.def("metal_device", &device, "Facts about this machine's GPU; sizes in bytes.");
  m.def("kernel_source", [] { return std::string(metal::kKernelSource); });
}

}  // namespace gptoss::python
