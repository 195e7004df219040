#include "core/model/backend/cuda/cuda_kv_store.h"

#include <ATen/ATen.h>

#include <utility>
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
                         int max_rows, std::shared_ptr<const std::vector<int32_t>> own_slots)
    : CudaKvStore(at::empty({2, config.num_layers, (FirstPage(max_rows) + pages) * kPageTokens,
                             config.num_kv_heads, config.head_dim},
                            options),
                  FirstPage(max_rows), std::move(own_slots)) {}

CudaKvStore::CudaKvStore(const at::Tensor& all, int32_t first_page,
                         std::shared_ptr<const std::vector<int32_t>> own_slots)
    : KvStore(LayersOf(all), first_page), all_(all), own_slots_(std::move(own_slots)) {
  all_.select(2, kNoSlot).zero_();
}

void CudaKvStore::Copy(std::span<const int> rows, std::span<const int32_t> pages, int32_t first) {
  std::vector<int64_t> from, to;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t position = first + static_cast<int32_t>(i);
    const int64_t own = (*own_slots_)[static_cast<size_t>(rows[i])];
    const int64_t place = PageSlot(pages.data(), position);
    if (own == place) continue;
    from.push_back(own);
    to.push_back(place);
  }
  if (from.empty()) return;
  const int64_t count = std::ssize(from);
  from.insert(from.end(), to.begin(), to.end());  // one upload
  const at::Tensor slots = Upload(at::tensor(from, at::kLong), all_.device());
  all_.index_copy_(2, slots.narrow(0, count, count), all_.index_select(2, slots.narrow(0, 0, count)));
}

}  // namespace pass
