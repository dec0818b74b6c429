// Reads .debug_line (DWARF 4 standard, section 6.2).
#include "softmetal/compiler/lines.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace softmetal {
namespace {

std::string section(const std::string& image, const char* name) {
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  const auto read = [&](int i) {
    Elf64_Shdr entry;
    std::memcpy(&entry, image.data() + header.e_shoff + i * header.e_shentsize, sizeof entry);
    return entry;
  };
  if (header.e_shnum == 0) return {};
  const Elf64_Shdr names = read(header.e_shstrndx);
  for (int i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr entry = read(i);
    if (std::strcmp(image.data() + names.sh_offset + entry.sh_name, name) == 0)
      return image.substr(entry.sh_offset, entry.sh_size);
  }
  return {};
}

}  // namespace

// Walks one section; `at_` never passes its end.
class LineTable::Reader {
 public:
  Reader(const std::string& bytes, LineTable& table) : bytes_(bytes), table_(table) {}

  void run() {
    while (at_ + 4 < bytes_.size()) unit();
  }

 private:
  template <class T>
  T fixed() {
    T value{};
    if (at_ + sizeof(T) <= bytes_.size()) std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ = std::min(at_ + sizeof(T), bytes_.size());
    return value;
  }
  uint64_t unsigned_leb() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint8_t byte = fixed<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  }
  int64_t signed_leb() {
    int64_t value = 0;
    for (int shift = 0;;) {
      const uint8_t byte = fixed<uint8_t>();
      value |= static_cast<int64_t>(byte & 0x7f) << shift;
      shift += 7;
      if (!(byte & 0x80))
        return (byte & 0x40) && shift < 64 ? value | -(static_cast<int64_t>(1) << shift) : value;
    }
  }
  std::string string() {
    const size_t end = std::min(bytes_.find('\0', at_), bytes_.size());
    std::string text = bytes_.substr(at_, end - at_);
    at_ = std::min(end + 1, bytes_.size());
    return text;
  }

  void unit() {
    const uint32_t length = fixed<uint32_t>();
    const size_t end = std::min(at_ + length, bytes_.size());
    const uint16_t version = fixed<uint16_t>();
    const uint32_t header_length = fixed<uint32_t>();
    const size_t program = at_ + header_length;
    if (version >= 2 && version <= 4) {
      header(version);
      at_ = std::min(program, end);
      while (at_ < end) instruction();
    }
    at_ = end;
  }

  void header(uint16_t version) {
    minimum_ = fixed<uint8_t>();
    if (version >= 4) fixed<uint8_t>();  // operations per instruction
    fixed<uint8_t>();                    // default is_stmt
    line_base_ = fixed<int8_t>();
    line_range_ = std::max<uint8_t>(fixed<uint8_t>(), 1);
    opcode_base_ = fixed<uint8_t>();
    lengths_.assign(opcode_base_, 0);
    for (int i = 1; i < opcode_base_; ++i) lengths_[i] = fixed<uint8_t>();
    while (!string().empty()) continue;  // directories: names in #line have none
    first_file_ = table_.files_.size();
    for (std::string name = string(); !name.empty(); name = string()) {
      add_file(name);
    }
    reset();
  }
  void add_file(const std::string& name) {
    table_.files_.push_back(name);
    unsigned_leb();
    unsigned_leb();
    unsigned_leb();
  }
  void reset() {
    address_ = 0;
    file_ = 1;
    line_ = 1;
  }
  void emit(int line) {
    table_.rows_.push_back({address_, static_cast<uint32_t>(first_file_ + file_ - 1), line});
  }

  void instruction() {
    const uint8_t opcode = fixed<uint8_t>();
    if (opcode >= opcode_base_) {
      const int adjusted = opcode - opcode_base_;
      address_ += static_cast<uint64_t>(adjusted / line_range_) * minimum_;
      line_ += line_base_ + adjusted % line_range_;
      emit(line_);
    } else if (opcode == 0) {
      extended();
    } else {
      standard(opcode);
    }
  }
  void extended() {
    const uint64_t length = unsigned_leb();
    const size_t end = std::min(at_ + length, bytes_.size());
    const uint8_t opcode = fixed<uint8_t>();
    if (opcode == 1) {  // end of sequence
      emit(0);
      reset();
    } else if (opcode == 2) {
      address_ = fixed<uint64_t>();
    } else if (opcode == 3) {
      add_file(string());
    }
    at_ = end;
  }
  void standard(uint8_t opcode) {
    switch (opcode) {
      case 1:
        emit(line_);
        break;
      case 2:
        address_ += unsigned_leb() * minimum_;
        break;
      case 3:
        line_ += static_cast<int>(signed_leb());
        break;
      case 4:
        file_ = unsigned_leb();
        break;
      case 8:
        address_ += static_cast<uint64_t>((255 - opcode_base_) / line_range_) * minimum_;
        break;
      case 9:
        address_ += fixed<uint16_t>();
        break;
      default:
        for (int i = 0; i < lengths_[opcode]; ++i) unsigned_leb();
    }
  }

  const std::string& bytes_;
  LineTable& table_;
  size_t at_ = 0, first_file_ = 0;
  std::vector<uint8_t> lengths_;
  int minimum_ = 1, line_base_ = 0, line_range_ = 1, opcode_base_ = 0;
  uint64_t address_ = 0, file_ = 1;
  int line_ = 1;
};

LineTable::LineTable(const std::string& image) {
  const std::string bytes = section(image, ".debug_line");
  Reader(bytes, *this).run();
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.address < b.address; });
}

SourceLine LineTable::find(uint64_t address) const {
  auto after = std::upper_bound(rows_.begin(), rows_.end(), address,
                                [](uint64_t at, const Row& row) { return at < row.address; });
  // A line of 0 is code that the compiler could not place: the line before it will do.
  while (after != rows_.begin()) {
    const Row& row = *--after;
    if (row.line != 0 && row.file < files_.size()) return {files_[row.file], row.line};
  }
  return {"", 0};
}

std::vector<std::vector<SourceLine>> LineTable::of_blocks(
    const std::vector<uint64_t>& begins) const {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < begins.size(); ++i) order.push_back({begins[i], i});
  std::sort(order.begin(), order.end());
  std::vector<std::vector<SourceLine>> result(begins.size());
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    // Rows that another one at the same address replaces cover no instruction.
    const bool empty = i + 1 < rows_.size() && rows_[i + 1].address == row.address;
    if (row.line == 0 || empty || row.file >= files_.size()) continue;
    auto block =
        std::upper_bound(order.begin(), order.end(), std::pair(row.address, begins.size()));
    if (block == order.begin()) continue;
    result[(--block)->second].push_back({files_[row.file], row.line});
  }
  return result;
}

}  // namespace softmetal
