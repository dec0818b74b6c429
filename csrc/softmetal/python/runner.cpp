// Runs kernels of any Metal source over NumPy arrays, through metal-cpp as a program would.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <Foundation/Foundation.hpp>
#include <Metal/Metal.hpp>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "softmetal/python/module.h"

namespace py = pybind11;

namespace softmetal::python {

namespace {

template <class T>
using Ref = NS::SharedPtr<T>;

std::string text_of(NS::Error* error, const char* otherwise) {
  return error != nullptr ? error->localizedDescription()->utf8String() : otherwise;
}

Ref<NS::String> string_of(const std::string& text) {
  return NS::TransferPtr(NS::String::alloc()->init(text.c_str(), NS::UTF8StringEncoding));
}

MTL::Size size_of(const py::handle& triple) {
  const auto [x, y, z] = py::cast<std::tuple<uint32_t, uint32_t, uint32_t>>(triple);
  return MTL::Size(x, y, z);
}

// One call of run(): a device with a library, the buffers that stand for arrays, and the command
// buffer and encoder in work.
class Runner {
 public:
  Runner(const std::string& source, const py::dict& constants, bool fast_math, bool resident,
         bool tracked, bool shuffled)
      : resident_(resident),
        options_(tracked
                     ? MTL::ResourceStorageModeShared
                     : MTL::ResourceStorageModeShared | MTL::ResourceHazardTrackingModeUntracked),
        type_(shuffled ? MTL::DispatchTypeConcurrent : MTL::DispatchTypeSerial),
        device_(NS::TransferPtr(MTL::CreateSystemDefaultDevice())) {
    if (!device_) throw std::runtime_error("there is no device");
    const auto options = NS::TransferPtr(MTL::CompileOptions::alloc()->init());
    options->setFastMathEnabled(fast_math);
    NS::Error* error = nullptr;
    library_ = NS::TransferPtr(device_->newLibrary(string_of(source).get(), options.get(), &error));
    if (!library_) throw std::runtime_error(text_of(error, "no library"));
    constants_ = NS::TransferPtr(MTL::FunctionConstantValues::alloc()->init());
    for (const auto& [index, value] : constants) set_constant(index.cast<NS::UInteger>(), value);
    queue_ = NS::TransferPtr(device_->newCommandQueue());
    fence_ = NS::TransferPtr(device_->newFence());
    begin_command_buffer();
    begin_encoder();
  }

  ~Runner() {
    if (encoder_) encoder_->endEncoding();
    for (const auto& command_buffer : committed_) command_buffer->waitUntilCompleted();
  }

  void add(const py::tuple& command) {
    const auto name = command[0].cast<std::string>();
    if (name == "dispatch" || name == "dispatch_threads") {
      dispatch(command, name == "dispatch_threads");
    } else if (name == "barrier") {
      encoder_->memoryBarrier(MTL::BarrierScopeBuffers);
    } else if (name == "encoder") {
      end_encoder();
      begin_encoder();
    } else if (name == "fence") {
      encoder_->updateFence(fence_.get());
      end_encoder();
      begin_encoder();
      encoder_->waitForFence(fence_.get());
    } else if (name == "command_buffer") {
      end_encoder();
      commit();
      begin_command_buffer();
      begin_encoder();
    } else if (name == "release") {
      release(py::reinterpret_borrow<py::array>(command[1]));
    } else {
      throw std::invalid_argument("there is no command '" + name + "'");
    }
  }

  // What each command buffer failed with; empty text where it did not.
  std::vector<std::string> finish() {
    end_encoder();
    commit();
    std::vector<std::string> errors;
    {
      const py::gil_scoped_release release;
      for (const auto& command_buffer : committed_) command_buffer->waitUntilCompleted();
    }
    for (const auto& command_buffer : committed_) {
      const bool ok = command_buffer->status() == MTL::CommandBufferStatusCompleted;
      errors.push_back(ok ? "" : text_of(command_buffer->error(), "failed without an error"));
    }
    for (const Copy& copy : copies_) {
      if (!copy.buffer) continue;
      py::array array = copy.array;
      if (array.writeable()) {
        std::memcpy(array.mutable_data(), copy.buffer->contents(),
                    static_cast<size_t>(array.nbytes()));
      }
    }
    return errors;
  }

 private:
  struct Copy {
    py::array array;
    Ref<MTL::Buffer> buffer;
  };

  void set_constant(NS::UInteger index, const py::handle& value) {
    if (py::isinstance<py::bool_>(value)) {
      const bool flag = value.cast<bool>();
      constants_->setConstantValue(&flag, MTL::DataTypeBool, index);
    } else if (py::isinstance<py::int_>(value)) {
      const auto number = value.cast<uint32_t>();
      constants_->setConstantValue(&number, MTL::DataTypeUInt, index);
    } else {
      const auto number = value.cast<float>();
      constants_->setConstantValue(&number, MTL::DataTypeFloat, index);
    }
  }

  void begin_command_buffer() {
    command_buffer_ = NS::RetainPtr(queue_->commandBufferWithUnretainedReferences());
    if (!command_buffer_) throw std::runtime_error("no command buffer");
  }

  void begin_encoder() {
    encoder_ = NS::RetainPtr(command_buffer_->computeCommandEncoder(type_));
    if (!encoder_) throw std::runtime_error("no encoder");
  }

  void end_encoder() {
    encoder_->endEncoding();
    encoder_.reset();
  }

  void commit() {
    command_buffer_->commit();
    committed_.push_back(command_buffer_);
  }

  MTL::Buffer* buffer_of(const py::array& array) {
    for (const Copy& copy : copies_) {
      if (copy.array.is(array)) return copy.buffer.get();
    }
    const auto bytes = static_cast<NS::UInteger>(array.nbytes());
    Copy copy{array, NS::TransferPtr(device_->newBuffer(array.data(), bytes, options_))};
    if (!copy.buffer) throw std::runtime_error("no buffer");
    copy.buffer->setLabel(string_of("array " + std::to_string(copies_.size())).get());
    copies_.push_back(copy);
    return copies_.back().buffer.get();
  }

  // A table of the arrays' addresses; they are made resident unless the test wants otherwise.
  MTL::Buffer* table_of(const py::list& arrays) {
    std::vector<uint64_t> addresses;
    for (const auto& array : arrays) {
      MTL::Buffer* buffer = buffer_of(py::reinterpret_borrow<py::array>(array));
      addresses.push_back(buffer->gpuAddress());
      if (resident_) {
        encoder_->useResource(buffer, MTL::ResourceUsageRead | MTL::ResourceUsageWrite);
      }
    }
    tables_.push_back(NS::TransferPtr(
        device_->newBuffer(addresses.data(), addresses.size() * sizeof(uint64_t), options_)));
    return tables_.back().get();
  }

  void bind(NS::UInteger index, const py::handle& value) {
    if (py::isinstance<py::bytes>(value)) {
      const auto bytes = value.cast<std::string>();
      encoder_->setBytes(bytes.data(), bytes.size(), index);
    } else if (py::isinstance<py::list>(value)) {
      encoder_->setBuffer(table_of(value.cast<py::list>()), 0, index);
    } else if (py::isinstance<py::tuple>(value)) {
      const auto pair = value.cast<py::tuple>();
      encoder_->setBuffer(buffer_of(py::reinterpret_borrow<py::array>(pair[0])),
                          pair[1].cast<NS::UInteger>(), index);
    } else {
      encoder_->setBuffer(buffer_of(py::reinterpret_borrow<py::array>(value)), 0, index);
    }
  }

  MTL::ComputePipelineState* pipeline(const std::string& name) {
    Ref<MTL::ComputePipelineState>& state = pipelines_[name];
    if (state) return state.get();
    NS::Error* error = nullptr;
    const auto function =
        NS::TransferPtr(library_->newFunction(string_of(name).get(), constants_.get(), &error));
    if (!function) throw std::runtime_error(text_of(error, "no such function"));
    state = NS::TransferPtr(device_->newComputePipelineState(function.get(), &error));
    if (!state) throw std::runtime_error(text_of(error, "no pipeline"));
    return state.get();
  }

  void dispatch(const py::tuple& command, bool by_threads) {
    encoder_->setComputePipelineState(pipeline(command[1].cast<std::string>()));
    for (const auto& [index, value] : command[2].cast<py::dict>()) {
      bind(index.cast<NS::UInteger>(), value);
    }
    for (const auto& [index, bytes] : command[3].cast<py::dict>()) {
      encoder_->setThreadgroupMemoryLength(bytes.cast<NS::UInteger>(), index.cast<NS::UInteger>());
    }
    const MTL::Size grid = size_of(command[4]);
    const MTL::Size threads = size_of(command[5]);
    if (by_threads) {
      encoder_->dispatchThreads(grid, threads);
    } else {
      encoder_->dispatchThreadgroups(grid, threads);
    }
  }

  // Gives the array's buffer away before the commands that use it have run: a planted fault.
  void release(const py::array& array) {
    for (Copy& copy : copies_) {
      if (copy.array.is(array)) copy.buffer.reset();
    }
  }

  bool resident_;
  MTL::ResourceOptions options_;
  MTL::DispatchType type_;
  Ref<MTL::Device> device_;
  Ref<MTL::Library> library_;
  Ref<MTL::FunctionConstantValues> constants_;
  Ref<MTL::CommandQueue> queue_;
  Ref<MTL::Fence> fence_;
  Ref<MTL::CommandBuffer> command_buffer_;
  Ref<MTL::ComputeCommandEncoder> encoder_;
  std::vector<Ref<MTL::CommandBuffer>> committed_;
  std::map<std::string, Ref<MTL::ComputePipelineState>> pipelines_;
  std::vector<Copy> copies_;
  std::vector<Ref<MTL::Buffer>> tables_;
};

std::vector<std::string> run(const std::string& source, const py::list& commands,
                             const py::dict& constants, bool fast_math, bool resident, bool tracked,
                             bool concurrent) {
  const auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  Runner runner(source, constants, fast_math, resident, tracked, concurrent);
  for (const auto& command : commands) runner.add(command.cast<py::tuple>());
  return runner.finish();
}

}  // namespace

void bind_runner(py::module_& m) {
  m.def("run", &run, py::arg("source"), py::arg("commands"), py::arg("constants") = py::dict(),
        py::arg("fast_math") = false, py::arg("resident") = true, py::arg("tracked") = false,
        py::arg("concurrent") = true,
        R"(Runs kernels of a Metal source over C-contiguous arrays, which are written back.

Commands are tuples:
  ("dispatch", kernel, {index: array | (array, byte offset) | [arrays] | bytes},
   {index: threadgroup bytes}, threadgroups (x, y, z), threads per threadgroup (x, y, z));
   a list of arrays becomes a table of their addresses
  ("dispatch_threads", the same with threads of the grid)
  ("barrier",)  memoryBarrier(BarrierScopeBuffers)
  ("encoder",)  ends the encoder and begins another
  ("fence",)    the same with a fence between them
  ("command_buffer",)  commits and begins another
  ("release", array)   releases the array's buffer at once

Returns one text per command buffer: empty, or what it failed with.)");
}

}  // namespace softmetal::python
