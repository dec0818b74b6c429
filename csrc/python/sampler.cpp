#include "runtime/sampler.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>

#include "python/bindings.h"

namespace py = pybind11;

namespace gptoss::python {

namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Bits = py::array_t<uint32_t, py::array::c_style | py::array::forcecast>;

std::span<const float> view(const Floats& array) {
  return {array.data(), static_cast<size_t>(array.size())};
}

int32_t sample(Sampler& sampler, const Floats& logits, const std::optional<Bits>& mask) {
  std::span<const uint32_t> bits;
  if (mask) bits = {mask->data(), static_cast<size_t>(mask->size())};
  const py::gil_scoped_release release;
  return sampler.sample(view(logits), bits);
}

py::tuple logprobs_of(const Floats& logits, int32_t token, int top) {
  const auto [own, best] = logprobs(view(logits), token, top);
  py::list list;
  for (const TokenLogprob& entry : best) list.append(py::make_tuple(entry.token, entry.logprob));
  return py::make_tuple(own, list);
}

}  // namespace

void bind_sampler(py::module_& m) {
  py::class_<Sampler>(m, "Sampler", "Chooses tokens; one per generation.")
      .def(py::init([](int vocab, float temperature, int top_k, float top_p, float min_p,
                       uint64_t seed, float presence_penalty, float frequency_penalty,
                       float repetition_penalty, std::unordered_map<int32_t, float> logit_bias) {
             return Sampler(vocab, {temperature, top_k, top_p, min_p, seed, presence_penalty,
                                    frequency_penalty, repetition_penalty, std::move(logit_bias)});
           }),
           py::arg("vocab"), py::kw_only(), py::arg("temperature") = 1.0f, py::arg("top_k") = 0,
           py::arg("top_p") = 1.0f, py::arg("min_p") = 0.0f, py::arg("seed") = 0,
           py::arg("presence_penalty") = 0.0f, py::arg("frequency_penalty") = 0.0f,
           py::arg("repetition_penalty") = 1.0f,
           py::arg("logit_bias") = std::unordered_map<int32_t, float>())
      .def("sample", &sample, py::arg("logits"), py::arg("mask") = py::none())
      .def("accept", &Sampler::accept, py::arg("token"));
  m.def("logprobs", &logprobs_of, py::arg("logits"), py::arg("token"), py::arg("top"),
        "Log-softmax of the raw logits: of `token`, and of the `top` most likely ones.");
}

}  // namespace gptoss::python
