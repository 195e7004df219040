// Keys and values for ATen: page_keys and page_values [pages, kv_heads, kPageTokens, head_dim].
#pragma once

#include "core/checkpoint/config.h"
#include "core/model/backend/kv_store.h"

namespace pass {

class AtenKvStore final : public KvStore {
 public:
  AtenKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages, int max_rows);

  void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) override;
};

}  // namespace pass
