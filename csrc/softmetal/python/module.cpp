#include "softmetal/python/module.h"

#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "softmetal/compiler/clang.h"
#include "softmetal/compiler/coverage.h"
#include "softmetal/compiler/lint.h"
#include "softmetal/control.h"
#include "softmetal/coverage.h"
#include "softmetal/engine/program.h"

namespace py = pybind11;

namespace softmetal::python {

namespace {

constexpr std::array<std::pair<const char*, Fault>, 10> kFaults = {{
    {"buffer_allocation", Fault::buffer_allocation},
    {"object_allocation", Fault::object_allocation},
    {"compile", Fault::compile},
    {"pipeline", Fault::pipeline},
    {"command_buffer_error", Fault::command_buffer_error},
    {"device_lost", Fault::device_lost},
    {"no_device", Fault::no_device},
    {"residency", Fault::residency},
    {"ignore_barrier", Fault::ignore_barrier},
    {"ignore_fence_wait", Fault::ignore_fence_wait},
}};

Fault fault_named(const std::string& name) {
  for (const auto& [known, fault] : kFaults) {
    if (name == known) return fault;
  }
  throw std::invalid_argument("there is no fault '" + name + "'");
}

template <class Change>
void change(Change what) {
  Settings now = settings();
  what(now);
  set_settings(now);
}

void set_mode(const std::string& mode) {
  if (mode != "fast" && mode != "checked") {
    throw std::invalid_argument("there is no mode '" + mode + "'");
  }
  change([&](Settings& s) { s.mode = mode == "checked" ? Mode::checked : Mode::fast; });
}

void set_order(const std::string& order, uint64_t seed) {
  change([&](Settings& s) {
    s.schedule.seed = seed;
    if (order == "forward") {
      s.schedule.order = Order::forward;
    } else if (order == "reverse") {
      s.schedule.order = Order::reverse;
    } else if (order == "seeded") {
      s.schedule.order = Order::seeded;
    } else {
      throw std::invalid_argument("there is no order '" + order + "'");
    }
  });
}

void set_device(const py::kwargs& limits) {
  change([&](Settings& s) {
    for (const auto& [key, value] : limits) {
      const std::string name = py::cast<std::string>(key);
      if (name == "max_buffer_length") {
        s.max_buffer_length = py::cast<uint64_t>(value);
      } else if (name == "working_set") {
        s.working_set = py::cast<uint64_t>(value);
      } else if (name == "max_threadgroup_memory") {
        s.max_threadgroup_memory = py::cast<uint32_t>(value);
      } else if (name == "macos") {
        s.macos = py::cast<int>(value);
      } else {
        throw std::invalid_argument("a device has no '" + name + "'");
      }
    }
  });
}

py::list findings() {
  py::list list;
  for (const Finding& f : take_findings()) {
    list.append(py::dict(py::arg("kind") = f.kind, py::arg("kernel") = f.kernel,
                         py::arg("first") = f.first, py::arg("second") = f.second,
                         py::arg("text") = f.text, py::arg("count") = f.count));
  }
  return list;
}

py::dict ledger_dict() {
  const Ledger ledger = softmetal::ledger();
  py::dict kernels;
  for (const auto& [name, e] : ledger.kernels) {
    kernels[py::str(name)] = py::dict(
        py::arg("dispatches") = e.dispatches, py::arg("threadgroups") = e.threadgroups,
        py::arg("bytes_read") = e.bytes_read, py::arg("bytes_written") = e.bytes_written,
        py::arg("unique_read") = e.unique_read, py::arg("unique_written") = e.unique_written,
        py::arg("threadgroup_barriers") = e.threadgroup_barriers);
  }
  return py::dict(
      py::arg("kernels") = kernels, py::arg("encoder_barriers") = ledger.encoder_barriers,
      py::arg("command_buffers") = ledger.command_buffers, py::arg("libraries") = ledger.libraries);
}

py::list blocks() {
  py::list list;
  for (const Block& block : host_blocks()) {
    list.append(py::make_tuple(block.offset, block.executed));
  }
  return list;
}

void bind_settings(py::module_& m) {
  m.def("mode", [] { return settings().mode == Mode::checked ? "checked" : "fast"; });
  m.def("set_mode", &set_mode, py::arg("mode"), "'fast' or 'checked'.");
  m.def("set_order", &set_order, py::arg("order"), py::arg("seed") = 0,
        "Order of threads and threadgroups: 'forward', 'reverse' or 'seeded'.");
  m.def(
      "set_threads",
      [](int threads) { change([&](Settings& s) { s.schedule.os_threads = threads; }); },
      py::arg("threads"), "Processor threads that share the threadgroups of fast dispatches.");
  m.def("set_device", &set_device,
        "Limits of the device: max_buffer_length, working_set, max_threadgroup_memory, macos.");
  m.def("reset_settings", [] { set_settings(Settings()); }, "The settings of a new process.");
  m.def(
      "set_slowdown", [](uint32_t us) { change([&](Settings& s) { s.slowdown_us = us; }); },
      py::arg("us"), "Microseconds added to every command buffer.");
}

void bind_faults(py::module_& m) {
  m.def(
      "set_fault",
      [](const std::string& name, int n, int code) { set_fault(fault_named(name), n, code); },
      py::arg("name"), py::arg("n"), py::arg("code") = 0,
      "Lets the n-th pass (from now on, from 0) of a point fail; csrc/softmetal/control.h.");
  m.def("clear_faults", &clear_faults);
  m.def("passes", [](const std::string& name) { return passes(fault_named(name)); });
  py::list names;
  for (const auto& fault : kFaults) names.append(fault.first);
  m.attr("FAULTS") = py::tuple(names);
}

}  // namespace

void bind_softmetal(py::module_& parent) {
  py::module_ m = parent.def_submodule("softmetal", "Controls of the software Metal.");
  // Kernels are compiled by the clang of the ziglang wheel that this Python has.
  const auto python = py::module_::import("sys").attr("executable").cast<std::string>();
  set_compiler({python, "-m", "ziglang", "c++"});
  bind_settings(m);
  bind_faults(m);
  m.def("take_findings", &findings, "What was found wrong since the last call.");
  m.def("live_objects", &live_objects, "Objective-C objects that are alive, by class.");
  m.def("ledger", &ledger_dict);
  m.def("reset_ledger", &reset_ledger);
  m.def("host_blocks", &blocks, "Basic blocks of csrc/metal/: offset in the binary, executed.");
  m.def("kernel_lines", &line_counts, "Executed lines of kernels: file -> line -> count.");
  m.def("lint", &lint, py::arg("source"),
        "What clang says about a Metal source with real address spaces; empty = nothing.");
  bind_runner(m);
}

}  // namespace softmetal::python
