// Keys and values by slot, all layers in one tensor, so that a commit is two operators whatever the model's depth.
//
// Slot kNoSlot is zero and stays so; then come the rows of a forward; then whole pages, of which page p begins at slot
// p * kPageTokens. A layer's page_keys and page_values are [slots, kv_heads, head_dim].
#pragma once

#include <cstdint>
#include <span>

#include "core/checkpoint/config.h"
#include "core/model/backend/kv_store.h"

namespace pass {

inline constexpr int32_t kNoSlot = 0;
// Of a forward's row.
constexpr int64_t RowSlot(int64_t row) { return 1 + row; }

class CudaKvStore final : public KvStore {
 public:
  CudaKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages, int max_rows);

  void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) override;

 private:
  // `all`: [2, layers, slots, kv_heads, head_dim], keys before values.
  CudaKvStore(const at::Tensor& all, int32_t first_page);

  at::Tensor all_;
};

}  // namespace pass
