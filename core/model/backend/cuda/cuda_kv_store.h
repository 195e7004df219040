// Keys and values by slot, all layers in one tensor, so that a commit is two operators whatever the model's depth.
//
// Slot kNoSlot is zero and stays so. Then come rows of a forward that have no place in a page. Then come whole pages: page p
// begins at slot p * kPageTokens. A layer's page_keys and page_values are [slots, kv_heads, head_dim].
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/checkpoint/config.h"
#include "core/kernels/attention_plan.h"
#include "core/model/backend/kv_store.h"

namespace pass {

inline constexpr int32_t kNoSlot = 0;
// Of a forward's row.
constexpr int64_t RowSlot(int64_t row) { return 1 + row; }
// Of a position of the sequence with this page table.
inline int32_t PageSlot(const int32_t* pages, int32_t position) {
  return pages[position / kPageTokens] * kPageTokens + position % kPageTokens;
}

class CudaKvStore final : public KvStore {
 public:
  // `own_slots`: of the rows of the last forward (SlicedPlan), kept up to date by the backend.
  CudaKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages, int max_rows,
              std::shared_ptr<const std::vector<int32_t>> own_slots);

  void Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) override;

 private:
  // `all`: [2, layers, slots, kv_heads, head_dim], keys before values.
  CudaKvStore(const at::Tensor& all, int32_t first_page,
              std::shared_ptr<const std::vector<int32_t>> own_slots);

  at::Tensor all_;
  std::shared_ptr<const std::vector<int32_t>> own_slots_;
};

}  // namespace pass
