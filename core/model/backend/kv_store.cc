#include "core/model/backend/kv_store.h"

#include <ATen/ops/empty.h>

namespace pass {

KvStore::KvStore(const ModelConfig& config, const at::TensorOptions& options, c10::IntArrayRef page_keys,
                 c10::IntArrayRef page_values, int max_rows) {
  const std::vector<int64_t> rows = {max_rows, config.num_kv_heads, config.head_dim};
  for (int layer = 0; layer < config.num_layers; ++layer) {
    layers_.push_back({.page_keys = at::empty(page_keys, options),
                       .page_values = at::empty(page_values, options),
                       .row_keys = at::empty(rows, options),
                       .row_values = at::empty(rows, options)});
  }
}

}  // namespace pass
