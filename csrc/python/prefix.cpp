#include "runtime/prefix.h"

#include "python/arrays.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

// New bytes that `write` fills, with the GIL released.
template <class Write>
py::bytes filled(uint64_t size, Write write) {
  auto result = py::reinterpret_steal<py::bytes>(
      PyBytes_FromStringAndSize(nullptr, static_cast<py::ssize_t>(size)));
  if (!result) throw py::error_already_set();
  auto* data = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(result.ptr()));
  const py::gil_scoped_release release;
  write(data);
  return result;
}

py::bytes page_of(const Prefix& prefix, int index) {
  return filled(prefix.page_bytes(index), [&](std::byte* out) { prefix.read_page(index, out); });
}

py::bytes window_of(const Prefix& prefix) {
  const Snapshot& snapshot = prefix.snapshot();
  return filled(snapshot.window_bytes(), [&](std::byte* out) { snapshot.read_window(out); });
}

Backend::Bytes bytes_of(const py::bytes& bytes) {
  return std::as_bytes(std::span(PyBytes_AS_STRING(bytes.ptr()), py::len(bytes)));
}

Prefix load(const std::shared_ptr<Model>& model, const Tokens& tokens,
            const std::vector<py::bytes>& pages, const py::bytes& window) {
  std::vector<Backend::Bytes> parts;
  for (const py::bytes& page : pages) parts.push_back(bytes_of(page));
  const Backend::Bytes state = bytes_of(window);
  const py::gil_scoped_release release;
  return Prefix::load(model, view(tokens), parts, state);
}

}  // namespace

void bind_prefix(py::module_& m) {
  py::class_<Prefix>(m, "Prefix", "A computed token prefix that sessions can go on from.")
      .def_property_readonly("length", &Prefix::length)
      .def_property_readonly("tokens", [](const Prefix& s) { return array_of(s.tokens()); })
      .def_property_readonly("bytes", [](const Prefix& s) { return s.snapshot().window_bytes(); })
      .def_property_readonly_static("page_positions",
                                    [](const py::object&) { return kPagePositions; })
      .def("page_count", [](const Prefix& s) { return s.snapshot().pages(); })
      .def("page", &page_of, py::arg("index"))
      .def("window", &window_of)
      .def_static("load", &load, py::arg("model"), py::arg("tokens"), py::arg("pages"),
                  py::arg("window"));
}

}  // namespace gptoss::python
