// Which pages of kPageTokens positions each sequence has, and how many of its tokens are committed; the keys and values are in
// the backend's store.
//
// A forward writes its rows' keys and values into the store's rows; Commit copies the rows that stay into pages. Pages are
// reserved when a sequence opens, so a commit never runs out. Thread: the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"
#include "core/language_model/language_model.h"
#include "core/model/backend/backend.h"

namespace pass {

class KvCache {
 public:
  // As many pages as fit in `cache_bytes`.
  KvCache(const ModelConfig& config, const Backend& backend, int64_t cache_bytes, int max_rows);

  struct Entry {
    std::vector<int32_t> pages;
    int32_t committed = 0;
  };

  // As LanguageModel::Open and Close.
  absl::StatusOr<SequenceId> Open(int32_t max_tokens);
  void Close(SequenceId id);
  // nullptr: not open.
  const Entry* Find(SequenceId id) const;
  KvUsage usage() const;

  // Copies these rows of the last forward, in this order, to the end of the sequence.
  absl::Status Commit(SequenceId id, std::span<const int> rows);

  KvLayer& layer(int index) { return store_->layer(index); }

  static int64_t PageBytes(const ModelConfig& config, int64_t element_bytes);

 private:
  std::unique_ptr<KvStore> store_;
  std::vector<int32_t> free_pages_;
  int64_t total_pages_ = 0;
  int32_t context_length_ = 0;
  SequenceId next_id_ = 1;
  std::unordered_map<SequenceId, Entry> sequences_;
};

}  // namespace pass
