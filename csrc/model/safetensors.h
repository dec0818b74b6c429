// The header of a .safetensors file, checked before any byte of data is used.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gptoss {

class MappedFile;

struct TensorInfo {
  std::string name;
  std::string dtype;           // "BF16", "F16", "F32", "I8" or "U8"
  std::vector<int64_t> shape;  // row-major
  uint64_t offset;             // bytes from the start of the file
  uint64_t bytes;
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              // in the order of their data, without holes
  std::map<std::string, std::string> metadata;  // the member __metadata__

  // Throws Error when the file is truncated, its tensors overlap, leave holes or exceed the file,
  // or a size does not follow from dtype and shape.
  static SafetensorsHeader read(const MappedFile& file);
};

}  // namespace gptoss
