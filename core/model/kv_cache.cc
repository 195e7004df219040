#include "core/model/kv_cache.h"

#include <ATen/TensorIndexing.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/kernels/attention_plan.h"

namespace pass {
namespace {

// Copies rows [n, kv_heads, head_dim] to (page, slot) pairs. index_put_ works on every device; n is small.
void CopyToPages(const at::Tensor& rows, const at::Tensor& pages, const at::Tensor& slots,
                 at::Tensor page_keys, const at::Tensor& row_keys, at::Tensor page_values,
                 const at::Tensor& row_values) {
  const at::indexing::Slice all;  // every head, every element
  page_keys.index_put_({pages, all, all, slots}, row_keys.index_select(0, rows));
  page_values.index_put_({pages, all, slots}, row_values.index_select(0, rows));
}

template <typename Element>
void CopyToPagesOnCpu(std::span<const int> rows, const KvCache::Entry& entry, int64_t kv_heads,
                      int64_t head_dim, Element* page_keys, const Element* row_keys, Element* page_values,
                      const Element* row_values) {
  const int64_t page_size = kv_heads * head_dim * kPageTokens;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t position = entry.committed + static_cast<int32_t>(i);
    const int slot = position % kPageTokens;
    const int64_t page = entry.pages[position / kPageTokens] * page_size;
    const int64_t row = rows[i] * kv_heads * head_dim;
    for (int64_t h = 0; h < kv_heads; ++h) {
      Element* keys = page_keys + page + h * head_dim * kPageTokens + slot;
      for (int64_t d = 0; d < head_dim; ++d) keys[d * kPageTokens] = row_keys[row + h * head_dim + d];
      std::copy_n(row_values + row + h * head_dim, head_dim,
                  page_values + page + (h * kPageTokens + slot) * head_dim);
    }
  }
}

}  // namespace

int64_t KvCache::PageBytes(const ModelConfig& config, int64_t element_bytes) {
  return int64_t{2} * config.num_layers * config.num_kv_heads * config.head_dim * kPageTokens * element_bytes;
}

KvCache::KvCache(const ModelConfig& config, at::TensorOptions options, int64_t cache_bytes, int max_rows)
    : context_length_(config.context_length) {
  const int64_t element_bytes = static_cast<int64_t>(options.dtype().itemsize());
  total_pages_ = cache_bytes / PageBytes(config, element_bytes);
  for (int layer = 0; layer < config.num_layers; ++layer) {
    page_keys_.push_back(
        at::empty({total_pages_, config.num_kv_heads, config.head_dim, kPageTokens}, options));
    page_values_.push_back(
        at::empty({total_pages_, config.num_kv_heads, kPageTokens, config.head_dim}, options));
    row_keys_.push_back(at::empty({max_rows, config.num_kv_heads, config.head_dim}, options));
    row_values_.push_back(at::empty({max_rows, config.num_kv_heads, config.head_dim}, options));
  }
  free_pages_.reserve(total_pages_);
  for (int64_t page = total_pages_ - 1; page >= 0; --page) free_pages_.push_back(static_cast<int32_t>(page));
}

absl::StatusOr<SequenceId> KvCache::Open(int32_t max_tokens) {
  if (max_tokens < 1 || max_tokens > context_length_) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sequence of ", max_tokens, " tokens does not fit the context of ", context_length_));
  }
  const int64_t pages = (int64_t{max_tokens} + kPageTokens - 1) / kPageTokens;
  if (pages > total_pages_) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sequence of ", max_tokens, " tokens does not fit the KV cache of ",
                     total_pages_ * kPageTokens, " tokens; raise --kv-cache-mib"));
  }
  if (pages > static_cast<int64_t>(free_pages_.size()))
    return absl::ResourceExhaustedError("no free KV pages");
  Entry entry;
  entry.pages.assign(free_pages_.end() - pages, free_pages_.end());
  free_pages_.resize(free_pages_.size() - pages);
  const SequenceId id = next_id_++;
  sequences_.emplace(id, std::move(entry));
  return id;
}

void KvCache::Close(SequenceId id) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return;
  free_pages_.insert(free_pages_.end(), it->second.pages.begin(), it->second.pages.end());
  sequences_.erase(it);
}

const KvCache::Entry* KvCache::Find(SequenceId id) const {
  const auto it = sequences_.find(id);
  return it == sequences_.end() ? nullptr : &it->second;
}

KvUsage KvCache::usage() const {
  return {.total_pages = total_pages_,
          .reserved_pages = total_pages_ - static_cast<int64_t>(free_pages_.size()),
          .page_tokens = kPageTokens};
}

absl::Status KvCache::Commit(SequenceId id, std::span<const int> rows) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return absl::InternalError("commit to a sequence that is not open");
  Entry& entry = it->second;
  const int64_t end = entry.committed + static_cast<int64_t>(rows.size());
  if (end > static_cast<int64_t>(entry.pages.size()) * kPageTokens) {
    return absl::InternalError("commit beyond the reserved pages");
  }
  if (rows.empty()) return absl::OkStatus();

  const bool on_cpu = row_keys_.front().is_cpu();
  const int64_t kv_heads = row_keys_.front().size(1), head_dim = row_keys_.front().size(2);
  at::Tensor row_index, page_index, slot_index;
  if (!on_cpu) {
    std::vector<int64_t> row_ids(rows.begin(), rows.end()), pages, slots;
    for (int64_t position = entry.committed; position < end; ++position) {
      pages.push_back(entry.pages[position / kPageTokens]);
      slots.push_back(position % kPageTokens);
    }
    const auto device = row_keys_.front().device();
    row_index = at::tensor(row_ids).to(device);
    page_index = at::tensor(pages).to(device);
    slot_index = at::tensor(slots).to(device);
  }
  for (size_t layer = 0; layer < page_keys_.size(); ++layer) {
    if (!on_cpu) {
      CopyToPages(row_index, page_index, slot_index, page_keys_[layer], row_keys_[layer], page_values_[layer],
                  row_values_[layer]);
    } else if (row_keys_[layer].element_size() == 2) {
      CopyToPagesOnCpu(rows, entry, kv_heads, head_dim, static_cast<uint16_t*>(page_keys_[layer].data_ptr()),
                       static_cast<const uint16_t*>(row_keys_[layer].data_ptr()),
                       static_cast<uint16_t*>(page_values_[layer].data_ptr()),
                       static_cast<const uint16_t*>(row_values_[layer].data_ptr()));
    } else {
      CopyToPagesOnCpu(rows, entry, kv_heads, head_dim, page_keys_[layer].data_ptr<float>(),
                       row_keys_[layer].data_ptr<float>(), page_values_[layer].data_ptr<float>(),
                       row_values_[layer].data_ptr<float>());
    }
  }
  entry.committed = static_cast<int32_t>(end);
  return absl::OkStatus();
}

}  // namespace pass
