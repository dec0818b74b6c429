#include "model/safetensors.h"

#include <algorithm>
#include <cstring>

#include "model/error.h"
#include "model/json.h"
#include "model/mapped_file.h"

namespace gptoss {

namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the safetensors library

[[noreturn]] void reject(const MappedFile& file, const std::string& what) {
  throw Error("model file", file.path() + ": " + what, "download or convert the model again");
}

uint64_t dtype_bytes(const std::string& dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "BF16" || dtype == "F16") return 2;
  if (dtype == "U8" || dtype == "I8") return 1;
  return 0;
}

TensorInfo read_tensor(const MappedFile& file, const std::string& name, const Json& json,
                       uint64_t data_start) {
  const std::string where = file.path() + ": tensor " + name;
  TensorInfo tensor;
  tensor.name = name;
  tensor.dtype = json.at("dtype", where).string(where);
  const uint64_t item = dtype_bytes(tensor.dtype);
  if (item == 0) reject(file, "tensor " + name + " has the unknown dtype " + tensor.dtype);
  uint64_t bytes = item;
  for (const Json& size : json.at("shape", where).array(where)) {
    const uint64_t n = size.unsigned_integer(where);
    if (n != 0 && bytes > UINT64_MAX / n) reject(file, "tensor " + name + " is too large");
    bytes *= n;
    tensor.shape.push_back(static_cast<int64_t>(n));
  }
  const auto& offsets = json.at("data_offsets", where).array(where);
  if (offsets.size() != 2) reject(file, "tensor " + name + " needs two data_offsets");
  const uint64_t begin = offsets[0].unsigned_integer(where);
  const uint64_t end = offsets[1].unsigned_integer(where);
  if (end < begin || end - begin != bytes) {
    reject(file, "tensor " + name + " has " + std::to_string(end - begin) +
                     " bytes, its shape and dtype need " + std::to_string(bytes));
  }
  if (end > file.size() - data_start) {
    reject(file, "is truncated: tensor " + name + " ends at byte " +
                     std::to_string(data_start + end) + " of " + std::to_string(file.size()));
  }
  tensor.offset = data_start + begin;
  tensor.bytes = bytes;
  return tensor;
}

void check_no_holes(const MappedFile& file, const std::vector<TensorInfo>& tensors,
                    uint64_t data_start) {
  uint64_t end = data_start;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.offset != end) {
      reject(file, "tensor " + tensor.name + " starts at byte " + std::to_string(tensor.offset) +
                       " but the one before it ends at " + std::to_string(end));
    }
    end = tensor.offset + tensor.bytes;
  }
  if (end != file.size()) {
    reject(file, "has " + std::to_string(file.size()) + " bytes, its header describes " +
                     std::to_string(end));
  }
}

}  // namespace

SafetensorsHeader SafetensorsHeader::read(const MappedFile& file) {
  uint64_t length = 0;
  if (file.size() < sizeof length) reject(file, "is too short for a header");
  for (size_t i = 0; i < sizeof length; ++i) {
    length |= static_cast<uint64_t>(file.data()[i]) << (8 * i);
  }
  if (length > kMaxHeaderBytes) reject(file, "does not start like a .safetensors file");
  if (length > file.size() - sizeof length) reject(file, "is truncated inside its header");
  const uint64_t data_start = sizeof length + length;
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
  const std::string where = file.path() + ": header";
  const Json json = Json::parse(text, where);

  SafetensorsHeader header;
  for (const auto& [name, value] : json.object(where)) {
    if (name == "__metadata__") {
      for (const auto& [key, entry] : value.object(where)) {
        header.metadata[key] = entry.string(where);
      }
    } else {
      header.tensors.push_back(read_tensor(file, name, value, data_start));
    }
  }
  // An empty tensor sorts before the one that starts at the same byte.
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const TensorInfo& a, const TensorInfo& b) {
                     return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
                   });
  check_no_holes(file, header.tensors, data_start);
  return header;
}

}  // namespace gptoss
