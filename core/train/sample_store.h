// Training windows on disk, so that a second run does not draw them again: a line of text that says what they are,
// padded to 128 bytes, then records of [int64 sample index][int32 token id x window], in index order. Records cut short by
// a killed process are ignored and overwritten.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/token_id.h"

namespace pass {

class SampleStore {
 public:
  // `description`: model, window, seed, prompts; a file with another one is refused (FAILED_PRECONDITION). An empty path
  // keeps everything in memory.
  static absl::StatusOr<SampleStore> Open(std::string path, const std::string& description, int window);

  int64_t size() const { return static_cast<int64_t>(windows_.size()); }
  const std::vector<TokenId>& window(int64_t index) const { return windows_[index]; }
  // The first sample that was never drawn.
  int64_t next_sample() const { return next_sample_; }

  // What drawing samples next_sample() .. end - 1 gave. Errors: the disk's, by the file's name.
  absl::Status Append(const std::vector<std::vector<TokenId>>& windows, int64_t end);

  // The `count` most frequent tokens, ascending ids.
  std::vector<int32_t> FrequentTokens(int count) const;

 private:
  std::string path_;
  std::vector<std::vector<TokenId>> windows_;
  int64_t next_sample_ = 0;
  int64_t valid_bytes_ = 0;
};

}  // namespace pass
