// Keys and values on the CPU: page_keys and page_values [pages, kv_heads, numbers], as core/kernels/page_layout.h says.
#pragma once

#include "core/checkpoint/config.h"
#include "core/model/backend/kv_store.h"

namespace pass {

class CpuKvStore final : public KvStore {
 public:
  CpuKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages, int max_rows);

  void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) override;
};

}  // namespace pass
