// A computed token prefix that any session of its model can go on from. Immutable.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/model.h"

namespace gptoss {

class Prefix {
 public:
  Prefix(std::shared_ptr<const Model> model, std::vector<int32_t> tokens,
         std::shared_ptr<const Snapshot> snapshot)
      : model_(std::move(model)), tokens_(std::move(tokens)), snapshot_(std::move(snapshot)) {}

  // From the parts that another Prefix of the same tokens and of a model with the same weights and
  // precision was serialised to. Throws Error when the parts do not fit; what they say is believed.
  static Prefix load(std::shared_ptr<const Model> model, std::span<const int32_t> tokens,
                     std::span<const Backend::Bytes> pages, Backend::Bytes window);

  int length() const { return static_cast<int>(tokens_.size()); }
  std::span<const int32_t> tokens() const { return tokens_; }
  // Pages, each with a size and contents; throws Error when there is no such page.
  uint64_t page_bytes(int index) const;
  void read_page(int index, std::byte* out) const { snapshot_->read_page(index, out); }
  const Snapshot& snapshot() const { return *snapshot_; }
  const Model& model() const { return *model_; }

 private:
  std::shared_ptr<const Model> model_;
  std::vector<int32_t> tokens_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace gptoss
