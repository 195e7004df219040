// The checks of a GGUF file, front to back; what GgufFile hands out. Errors as in gguf.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/files/byte_cursor.h"
#include "core/files/gguf.h"
#include "core/files/tensor_view.h"

namespace pass {

class GgufParser {
 public:
  GgufParser(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes), cursor_(bytes) {}

  // Each once, in this order. `metadata` may be moved from in between.
  absl::Status ParseMetadata();
  absl::Status ParseTensors();

  uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<TensorView> tensors;

 private:
  // The place of a tensor's data, relative to the start of all tensor data.
  struct Extent {
    size_t tensor = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  absl::Status ParseHeader();
  absl::Status ParseKeys();
  absl::Status ParseValue(const std::string& key, GgufValue& value);
  absl::Status ParseElements(const std::string& key, GgufValue& value);
  absl::Status ParseAlignment();
  absl::Status ParseTensorInfos();
  absl::Status ParseTensorInfo(TensorView& tensor, Extent& extent);
  absl::Status PlaceTensors();

  absl::Status Error(const std::string& what) const;
  absl::Status Truncated(const std::string& where) const;

  const std::string& path_;
  std::span<const std::byte> bytes_;
  ByteCursor cursor_;
  uint64_t num_keys_ = 0;
  uint64_t num_tensors_ = 0;
  uint64_t alignment_ = 32;
  std::vector<Extent> extents_;
};

// Bytes of one element; 0 for strings and arrays, whose length varies.
uint64_t GgufTypeSize(GgufType type);
std::string GgufTypeName(uint32_t type);

}  // namespace pass
