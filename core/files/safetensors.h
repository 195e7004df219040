// A safetensors file: a JSON header and named tensors. https://github.com/huggingface/safetensors#format
//
// Everything is checked at Open: header length (at most 16 MiB), duplicate keys, known dtypes (F32, F16, BF16, I32),
// and offsets that cover the data exactly: no overflow, overlap, gap or trailing bytes. Errors are one line that names
// the file, the tensor, and the cure; INVALID_ARGUMENT, or MappedFile's. Immutable after creation and thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/files/mapped_file.h"
#include "core/files/tensor_view.h"

namespace pass {

class SafetensorsFile {
 public:
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);
  // The same from memory; `bytes` is borrowed for the object's life, `path` is what errors name.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> FromBytes(std::string path,
                                                                    std::span<const std::byte> bytes);

  const std::string& path() const { return path_; }
  // The entries of "__metadata__".
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
  // In the order of their data.
  std::span<const TensorView> tensors() const { return tensors_; }

 private:
  explicit SafetensorsFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::unique_ptr<MappedFile> file_;  // null after FromBytes
  std::map<std::string, std::string, std::less<>> metadata_;
  std::vector<TensorView> tensors_;
};

// Writes a file that SafetensorsFile::Open accepts: the tensors in the given order, each of type F32, F16,
// BF16 or I32. The file appears whole or not at all (written beside its place, then renamed).
absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, std::string, std::less<>>& metadata,
                              std::span<const TensorView> tensors);

}  // namespace pass
