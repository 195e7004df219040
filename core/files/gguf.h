// A GGUF file, version 2 or 3, little-endian: typed metadata and named tensors.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// Everything is checked at Open, so that what it hands out lies inside the file: counts, sizes and offsets
// (no overflow, no overlap, no gap beyond the file's alignment, no duplicate, nothing behind the end), value
// types, array element types, tensor types. Errors are one line that names the file, the key or tensor, and
// the cure; INVALID_ARGUMENT, or MappedFile's. Immutable after creation and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/files/mapped_file.h"
#include "core/files/tensor_view.h"

namespace pass {

// Value types and their numbers in the file.
enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// One metadata value as it lies in the file.
struct GgufValue {
  GgufType type = GgufType::kUint8;  // of the elements, if is_array
  bool is_array = false;
  uint64_t count = 1;               // elements
  std::span<const std::byte> data;  // the elements, encoded; borrowed from the mapped file
};

class GgufFile {
 public:
  // Judges the metadata alone, before anything about the tensors is read: an error ends the opening. So a file
  // for another program is refused for what it is, and not for a detail of its tensors.
  using MetadataCheck = std::function<absl::Status(const GgufFile&)>;

  static absl::StatusOr<std::unique_ptr<GgufFile>> Open(const std::string& path,
                                                        const MetadataCheck& check = {});
  // The same from memory; `bytes` is borrowed for the object's life, `path` is what errors name.
  static absl::StatusOr<std::unique_ptr<GgufFile>> FromBytes(std::string path,
                                                             std::span<const std::byte> bytes,
                                                             const MetadataCheck& check = {});

  const std::string& path() const { return path_; }
  uint32_t version() const { return version_; }

  // Typed look-ups. nullopt: no such key. INVALID_ARGUMENT, naming file and key: the key holds another type.
  // Integers of every width count as one type; a negative value is refused by FindUint. FindDouble takes both
  // float widths. FindInts takes arrays of int32 and uint32 (whose values must fit).
  absl::StatusOr<std::optional<std::string>> FindString(std::string_view key) const;
  absl::StatusOr<std::optional<uint64_t>> FindUint(std::string_view key) const;
  absl::StatusOr<std::optional<double>> FindDouble(std::string_view key) const;
  absl::StatusOr<std::optional<bool>> FindBool(std::string_view key) const;
  absl::StatusOr<std::optional<std::vector<std::string>>> FindStrings(std::string_view key) const;
  absl::StatusOr<std::optional<std::vector<int32_t>>> FindInts(std::string_view key) const;
  bool Has(std::string_view key) const { return metadata_.contains(key); }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }

  // In the file's order. Shapes are row-major (the file's dimensions reversed).
  std::span<const TensorView> tensors() const { return tensors_; }

 private:
  explicit GgufFile(std::string path) : path_(std::move(path)) {}

  const GgufValue* Find(std::string_view key) const;
  absl::Status WrongType(std::string_view key, std::string_view wanted) const;

  std::string path_;
  std::unique_ptr<MappedFile> file_;  // null after FromBytes
  uint32_t version_ = 0;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<TensorView> tensors_;
};

}  // namespace pass
