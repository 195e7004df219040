#include "core/model/backend/cuda/cuda_kv_store.h"

#include <ATen/ATen.h>

#include <vector>

#include "core/kernels/attention_plan.h"
#include "core/model/backend/cuda/slices.h"
#include "core/model/backend/to_tensor.h"

namespace pass {
namespace {

// The first page behind the slots of the rows.
int32_t FirstPage(int max_rows) {
  return static_cast<int32_t>((RowSlot(WholeSlices(max_rows)) + kPageTokens - 1) / kPageTokens);
}

std::vector<KvLayer> LayersOf(const at::Tensor& all) {
  std::vector<KvLayer> layers;
  for (int64_t layer = 0; layer < all.size(1); ++layer) {
    layers.push_back(
        {.page_keys = all[0][layer], .page_values = all[1][layer], .row_keys = {}, .row_values = {}});
  }
  return layers;
}

}  // namespace

CudaKvStore::CudaKvStore(const ModelConfig& config, const at::TensorOptions& options, int64_t pages,
                         int max_rows)
    : CudaKvStore(at::empty({2, config.num_layers, (FirstPage(max_rows) + pages) * kPageTokens,
                             config.num_kv_heads, config.head_dim},
                            options),
                  FirstPage(max_rows)) {}

CudaKvStore::CudaKvStore(const at::Tensor& all, int32_t first_page)
    : KvStore(LayersOf(all), first_page), all_(all) {
  all_.select(2, kNoSlot).zero_();
}

void CudaKvStore::Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) {
  const int64_t count = std::ssize(rows);
  std::vector<int64_t> packed;  // from which slots, then to which: one upload
  for (const int row : rows) packed.push_back(RowSlot(row));
  for (int32_t position = first; position < first + count; ++position) {
    packed.push_back(int64_t{pages[position / kPageTokens]} * kPageTokens + position % kPageTokens);
  }
  const at::Tensor slots = Upload(at::tensor(packed, at::kLong), all_.device());
  all_.index_copy_(2, slots.narrow(0, count, count), all_.index_select(2, slots.narrow(0, 0, count)));
}

}  // namespace pass
