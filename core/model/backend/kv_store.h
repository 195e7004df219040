// Keys and values on a device, in a layout of the backend's own: pages of kPageTokens committed positions, and the rows of the
// last forward. One set of tensors per layer, in the compute type. Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/checkpoint/config.h"

namespace pass {

struct KvLayer {
  at::Tensor page_keys, page_values;
  at::Tensor row_keys, row_values;  // [max_rows, kv_heads, head_dim]; undefined: they are among the pages
};

class KvStore {
 public:
  virtual ~KvStore() = default;

  KvLayer& layer(int index) { return layers_[index]; }
  // The number of the first page that sequences may have.
  int32_t first_page() const { return first_page_; }

  // Copies these rows, in this order, to the positions from `first` on of the sequence with this page table.
  virtual void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) = 0;

 protected:
  // The sizes are those of a layer's page_keys and page_values.
  KvStore(const ModelConfig& config, const at::TensorOptions& options, c10::IntArrayRef page_keys,
          c10::IntArrayRef page_values, int max_rows);
  // `layers`: made by the store itself.
  KvStore(std::vector<KvLayer> layers, int32_t first_page)
      : layers_(std::move(layers)), first_page_(first_page) {}

  std::vector<KvLayer> layers_;

 private:
  int32_t first_page_ = 0;
};

}  // namespace pass
