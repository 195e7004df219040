#include "core/model/kv_cache.h"

#include "absl/strings/str_cat.h"
#include "core/kernels/attention_plan.h"

namespace pass {
int64_t KvCache::PageBytes(const ModelConfig& config, int64_t element_bytes) {
  return int64_t{2} * config.num_layers * config.num_kv_heads * config.head_dim * kPageTokens * element_bytes;
}

KvCache::KvCache(const ModelConfig& config, const Backend& backend, int64_t cache_bytes, int max_rows)
    : total_pages_(cache_bytes /
                   PageBytes(config, static_cast<int64_t>(backend.options().dtype().itemsize()))),
      context_length_(config.context_length) {
  store_ = backend.MakeKvStore(config, total_pages_, max_rows);
  free_pages_.reserve(total_pages_);
  for (int64_t page = total_pages_ - 1; page >= 0; --page) {
    free_pages_.push_back(store_->first_page() + static_cast<int32_t>(page));
  }
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

  store_->Copy(rows, entry.pages, entry.committed);
  entry.committed = static_cast<int32_t>(end);
  return absl::OkStatus();
}

}  // namespace pass
