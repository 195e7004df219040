// Keys and values on a device, in a layout of the backend's own: pages of kPageTokens committed positions, and the rows of the
// last forward. One set of tensors per layer, in the compute type. Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/checkpoint/config.h"

namespace pass {

struct KvLayer {
  at::Tensor page_keys, page_values;
  at::Tensor row_keys, row_values;  // [max_rows, kv_heads, head_dim]
};

class KvStore {
 public:
  virtual ~KvStore() = default;

  KvLayer& layer(int index) { return layers_[index]; }

  // Copies these rows, in this order, to the positions from `first` on of the sequence with this page table.
  virtual void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) = 0;

 protected:
  // The sizes are those of a layer's page_keys and page_values.
  KvStore(const ModelConfig& config, const at::TensorOptions& options, c10::IntArrayRef page_keys,
          c10::IntArrayRef page_values, int max_rows);

  std::vector<KvLayer> layers_;
};

}  // namespace pass
