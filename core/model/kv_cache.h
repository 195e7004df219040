// Keys and values of all committed tokens, in pages of kPageTokens positions, and of the last forward's rows.
//
// A forward writes its rows' keys and values into the row buffers; Commit copies the rows that stay into pages. Pages
// are reserved when a sequence opens, so a commit never runs out.
//
// Shapes, in the compute type, one tensor per layer:
//   page_keys   [pages, kv_heads, head_dim, kPageTokens]   transposed: a block's scores need no horizontal sums
//   page_values [pages, kv_heads, kPageTokens, head_dim]
//   row_keys, row_values [max_rows, kv_heads, head_dim]
// Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"
#include "core/language_model/language_model.h"

namespace pass {

class KvCache {
 public:
  KvCache(const ModelConfig& config, at::TensorOptions options, int64_t cache_bytes, int max_rows);

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

  // Copies these rows of the row buffers, in this order, to the end of the sequence.
  absl::Status Commit(SequenceId id, std::span<const int> rows);

  const at::Tensor& page_keys(int layer) const { return page_keys_[layer]; }
  const at::Tensor& page_values(int layer) const { return page_values_[layer]; }
  at::Tensor& row_keys(int layer) { return row_keys_[layer]; }
  at::Tensor& row_values(int layer) { return row_values_[layer]; }

  static int64_t PageBytes(const ModelConfig& config, int64_t element_bytes);

 private:
  std::vector<at::Tensor> page_keys_, page_values_, row_keys_, row_values_;
  std::vector<int32_t> free_pages_;
  int64_t total_pages_ = 0;
  int32_t context_length_ = 0;
  SequenceId next_id_ = 1;
  std::unordered_map<SequenceId, Entry> sequences_;
};

}  // namespace pass
