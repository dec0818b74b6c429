// The line table of a compiled module: which source line an instruction comes from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "softmetal/engine/program.h"

namespace softmetal {

class LineTable {
 public:
  // `image`: a shared object with a .debug_line section, DWARF version 2 to 4.
  explicit LineTable(const std::string& image);
  SourceLine find(uint64_t address) const;
  // The lines of each basic block, given where the blocks begin.
  std::vector<std::vector<SourceLine>> of_blocks(const std::vector<uint64_t>& begins) const;

 private:
  struct Row {
    uint64_t address;
    uint32_t file;  // index into files_
    int line;       // 0: no source
  };
  class Reader;
  std::vector<Row> rows_;  // by address
  std::vector<std::string> files_;
};

}  // namespace softmetal
