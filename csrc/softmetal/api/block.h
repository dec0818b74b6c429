// Blocks, by their public ABI: a heap copy that calls with the block's own parameters.
#pragma once

namespace softmetal::api {

// A block's layout up to what a caller needs.
struct BlockHeader {
  void* isa;
  int flags;
  int reserved;
  void (*invoke)();
};

// Owns a copy of a block; the copy may outlive the stack frame that made it.
template <class... A>
class Block;

template <class R, class... A>
class Block<R(A...)> {
 public:
  Block() = default;
  explicit Block(const void* block);
  Block(const Block& other) : Block(other.block_) {}
  Block& operator=(const Block&) = delete;
  ~Block();
  explicit operator bool() const { return block_ != nullptr; }
  R operator()(A... arguments) const {
    const auto invoke = reinterpret_cast<R (*)(void*, A...)>(block_->invoke);
    return invoke(block_, arguments...);
  }

 private:
  BlockHeader* block_ = nullptr;
};

}  // namespace softmetal::api

extern "C" {
void* _Block_copy(const void* block);
void _Block_release(const void* block);
}

template <class R, class... A>
softmetal::api::Block<R(A...)>::Block(const void* block)
    : block_(static_cast<BlockHeader*>(block == nullptr ? nullptr : _Block_copy(block))) {}

template <class R, class... A>
softmetal::api::Block<R(A...)>::~Block() {
  if (block_ != nullptr) _Block_release(block_);
}
