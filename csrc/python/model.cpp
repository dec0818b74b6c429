#include "runtime/model.h"

#include <pybind11/stl.h>

#include "model/error.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

Precision parse_precision(const std::string& name) {
  if (name == "default") return Precision::normal;
  if (name == "exact") return Precision::exact;
  throw Error("model", "there is no precision '" + name + "'", "default or exact");
}

std::shared_ptr<Model> open(const std::string& path, const std::string& precision, int threads,
                            const std::string& isa, const std::string& backend) {
  const ModelOptions options{parse_precision(precision), threads, isa, backend};
  const py::gil_scoped_release release;
  return std::make_shared<Model>(path, options);
}

py::dict config_of(const Model& model) {
  const auto& metadata = model.weights().header().metadata;
  return py::module_::import("json").attr("loads")(metadata.at("config"));
}

py::list tensors_of(const Model& model) {
  py::list list;
  for (const TensorInfo& t : model.weights().header().tensors) {
    list.append(py::make_tuple(t.name, t.dtype, py::tuple(py::cast(t.shape)), t.offset, t.bytes));
  }
  return list;
}

py::bytes tokenizer_of(const Model& model) {
  const TensorInfo& t = model.weights().tokenizer();
  const auto* data = reinterpret_cast<const char*>(model.weights().file().data() + t.offset);
  return {data, t.bytes};
}

}  // namespace

void bind_model(py::module_& m) {
  py::class_<Model, std::shared_ptr<Model>>(m, "Model",
                                            "Weights of one model file, read-only and shared.")
      .def(py::init(&open), py::arg("path"), py::arg("precision") = "default",
           py::arg("threads") = 0, py::arg("isa") = "", py::arg("backend") = "cpu")
      .def_property_readonly("path", [](const Model& s) { return s.weights().file().path(); })
      .def_property_readonly("config", &config_of)
      .def_property_readonly("metadata",
                             [](const Model& s) { return s.weights().header().metadata; })
      .def_property_readonly("file_bytes", [](const Model& s) { return s.weights().file().size(); })
      .def_property_readonly(
          "precision",
          [](const Model& s) { return s.precision() == Precision::exact ? "exact" : "default"; })
      .def_property_readonly("isa", [](const Model& s) { return std::string(s.backend().isa()); })
      .def_property_readonly("threads", [](const Model& s) { return s.backend().threads(); })
      .def_property_readonly("backend", [](const Model& s) { return s.backend().name(); })
      .def_property_readonly("device", [](const Model& s) { return s.backend().device(); })
      .def_property_readonly("tensors", &tensors_of)
      .def_property_readonly("cache_bytes",
                             [](const Model& s) { return s.backend().cache_bytes(); })
      .def("session_bytes", &Model::session_bytes, py::arg("context_tokens"), py::arg("chunk"))
      .def("tokenizer_bytes", &tokenizer_of, "The bytes of o200k_base.tiktoken.")
      .def(
          "bytes_per_token", [](const Model& s) { return s.weights().bytes_per_token(); },
          "Weight bytes that decoding one token reads.");
}

}  // namespace gptoss::python
