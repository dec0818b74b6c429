#include "runtime/session.h"

#include <pybind11/numpy.h>

#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

using Tokens = py::array_t<int32_t, py::array::c_style | py::array::forcecast>;

std::span<const int32_t> view(const Tokens& tokens) {
  return {tokens.data(), static_cast<size_t>(tokens.size())};
}

std::unique_ptr<Session> create(std::shared_ptr<Model> model, int context, int chunk) {
  return std::make_unique<Session>(std::move(model), context, chunk);
}

int sync(Session& session, const Tokens& tokens) {
  const py::gil_scoped_release release;
  return session.sync(view(tokens));
}

// A read-only view into the session; the array keeps the session alive.
py::array logits(const py::object& self) {
  const auto& session = self.cast<const Session&>();
  const auto values = session.logits();
  py::array_t<float> array(static_cast<py::ssize_t>(values.size()), values.data(), self);
  array.attr("flags").attr("writeable") = false;
  return std::move(array);
}

py::array_t<float> all_logits(Session& session, const Tokens& tokens) {
  const py::ssize_t vocab = session.model().config().vocab;
  py::array_t<float> out({tokens.size(), vocab});
  float* data = out.mutable_data();
  {
    const py::gil_scoped_release release;
    session.all_logits(view(tokens), data);
  }
  return out;
}

py::array_t<int32_t> tokens_of(const Session& session) {
  const auto tokens = session.tokens();
  return py::array_t<int32_t>(static_cast<py::ssize_t>(tokens.size()), tokens.data());
}

}  // namespace

void bind_session(py::module_& m) {
  py::class_<Session>(m, "Session", "One token sequence and its KV cache.")
      .def(py::init(&create), py::arg("model"), py::arg("context") = 0,
           py::arg("chunk") = Session::kDefaultChunk)
      .def("sync", &sync, py::arg("tokens"))
      .def("step", &Session::step, py::arg("token"), py::call_guard<py::gil_scoped_release>())
      .def("rewind", &Session::rewind, py::arg("length"))
      .def("logits", &logits)
      .def("all_logits", &all_logits, py::arg("tokens"))
      .def("cancel", &Session::cancel)
      .def_property_readonly("length", &Session::length)
      .def_property_readonly("tokens", &tokens_of)
      .def_property_readonly("context", &Session::context)
      .def_property_readonly("chunk", &Session::chunk)
      .def_property_readonly("bytes", &Session::bytes);
}

}  // namespace gptoss::python
