#include "core/model/backend/cpu/cpu_kv_store.h"

#include "core/kernels/page_layout.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

template <typename Element>
void CopyToPages(std::span<const int> rows, std::span<const int32_t> pages, int32_t first,
                 const KvLayer& layer) {
  const int64_t kv_heads = layer.row_keys.size(1), head_dim = layer.row_keys.size(2);
  const int64_t page_size = kv_heads * head_dim * kPageTokens;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t position = first + static_cast<int32_t>(i);
    const int slot = position % kPageTokens;
    const int64_t page = pages[position / kPageTokens] * page_size;
    const int64_t row = rows[i] * kv_heads * head_dim;
    const Element* row_keys = Data<Element>(layer.row_keys) + row;
    const Element* row_values = Data<Element>(layer.row_values) + row;
    for (int64_t h = 0; h < kv_heads; ++h) {
      Element* keys = Data<Element>(layer.page_keys) + page + h * head_dim * kPageTokens;
      Element* values = Data<Element>(layer.page_values) + page + h * head_dim * kPageTokens;
      for (int64_t d = 0; d < head_dim; ++d) {
        keys[KeyPlace<Element>(slot, d)] = row_keys[h * head_dim + d];
        values[ValuePlace<Element>(slot, d, head_dim)] = row_values[h * head_dim + d];
      }
    }
  }
}

}  // namespace

CpuKvStore::CpuKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages,
                       int max_rows)
    : KvStore(config, options, {pages, config.num_kv_heads, config.head_dim * kPageTokens},
              {pages, config.num_kv_heads, config.head_dim * kPageTokens}, max_rows) {}

void CpuKvStore::Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) {
  for (const KvLayer& layer : layers_) {
    if (layer.row_keys.element_size() == 2) {
      CopyToPages<uint16_t>(rows, pages, first, layer);
    } else {
      CopyToPages<float>(rows, pages, first, layer);
    }
  }
}

}  // namespace pass
