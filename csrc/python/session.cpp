#include "runtime/session.h"

#include "python/arrays.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

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

void advance(const std::vector<std::pair<Session*, Tokens>>& work) {
  std::vector<Session::Work> items;
  for (const auto& [session, tokens] : work) {
    if (session == nullptr) throw py::type_error("advance() takes sessions, not None");
    items.push_back({session, view(tokens)});
  }
  const py::gil_scoped_release release;
  Session::advance(items);
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
      .def("checkpoint", &Session::checkpoint, py::call_guard<py::gil_scoped_release>())
      .def("restore", &Session::restore, py::arg("prefix"),
           py::call_guard<py::gil_scoped_release>())
      .def("cancel", &Session::cancel)
      .def_property_readonly("length", &Session::length)
      .def_property_readonly("tokens", [](const Session& s) { return array_of(s.tokens()); })
      .def_property_readonly("context", &Session::context)
      .def_property_readonly("chunk", &Session::chunk)
      .def_property_readonly("bytes", &Session::bytes);
  m.def("advance", &advance, py::arg("work"),
        "Appends tokens to several sessions and computes them in one forward pass.");
}

}  // namespace gptoss::python
