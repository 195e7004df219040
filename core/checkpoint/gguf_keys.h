// Typed look-ups in the metadata of a GGUF file of one architecture: "rope.freq_base" stands for
// "llama.rope.freq_base" in a file of that architecture. Borrows the file. Errors are INVALID_ARGUMENT and name the
// file, the whole key and the cure. Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/files/tensor_view.h"

namespace pass {

class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(std::string(architecture) + ".") {}

  const GgufFile& file() const { return file_; }
  std::string Name(std::string_view key) const { return prefix_ + std::string(key); }
  absl::Status Error(const std::string& what) const;

  // Below 2^31. Absent: `absent`, or an error without one.
  absl::StatusOr<int32_t> Size(std::string_view key, std::optional<int32_t> absent = {}) const;
  absl::StatusOr<double> Number(std::string_view key, double absent) const;
  absl::StatusOr<std::optional<std::string>> Text(std::string_view key) const;
  // nullptr: no such tensor.
  const TensorView* FindTensor(std::string_view name) const;

 private:
  const GgufFile& file_;
  std::string prefix_;
};

}  // namespace pass
