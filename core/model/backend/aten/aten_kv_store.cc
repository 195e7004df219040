#include "core/model/backend/aten/aten_kv_store.h"

#include <ATen/ATen.h>
#include <ATen/TensorIndexing.h>

#include <vector>

#include "core/kernels/attention_plan.h"
#include "core/model/backend/to_tensor.h"

namespace pass {

AtenKvStore::AtenKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages,
                         int max_rows)
    : KvStore(config, options, {pages, config.num_kv_heads, kPageTokens, config.head_dim},
              {pages, config.num_kv_heads, kPageTokens, config.head_dim}, max_rows) {}

void AtenKvStore::Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) {
  const auto count = static_cast<int32_t>(rows.size());
  std::vector<int64_t> packed(rows.begin(), rows.end());  // rows, pages, places within them: one upload
  for (int32_t i = 0; i < count; ++i) packed.push_back(pages[(first + i) / kPageTokens]);
  for (int32_t i = 0; i < count; ++i) packed.push_back((first + i) % kPageTokens);
  const at::Tensor all = Upload(at::tensor(packed, at::kLong), layers_.front().row_keys.device());
  const at::Tensor from = all.narrow(0, 0, count), page = all.narrow(0, count, count),
                   place = all.narrow(0, 2 * count, count);
  const at::indexing::Slice every_head;
  for (KvLayer& layer : layers_) {
    layer.page_keys.index_put_({page, every_head, place}, layer.row_keys.index_select(0, from));
    layer.page_values.index_put_({page, every_head, place}, layer.row_values.index_select(0, from));
  }
}

}  // namespace pass
