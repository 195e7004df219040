#include "core/files/safetensors.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/byte_cursor.h"
#include "core/files/dequantize.h"
#include "core/files/json.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr uint64_t kMaxHeaderBytes = 16 << 20;
constexpr size_t kMaxTensors = 1 << 16;
constexpr size_t kMaxDimensions = 8;
constexpr const char kMetadata[] = "__metadata__";

struct Placed {
  TensorView tensor;
  uint64_t begin = 0;
  uint64_t end = 0;
};

absl::Status Error(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// Plain numbers alone: the format knows no blocks.
std::optional<TensorType> FromDtype(std::string_view dtype) {
  const auto type = TensorTypeNamed(dtype);
  return type && LayoutOf(*type).elements == 1 ? type : std::nullopt;
}

// The member as non-negative integers; nullopt if it is anything else.
std::optional<std::vector<int64_t>> ReadIntegers(const nlohmann::json& entry, const char* key,
                                                 size_t max_size) {
  const auto member = entry.find(key);
  if (member == entry.end() || !member->is_array() || member->size() > max_size) return std::nullopt;
  std::vector<int64_t> integers;
  for (const nlohmann::json& item : *member) {
    if (!item.is_number_unsigned() || !std::in_range<int64_t>(item.get<uint64_t>())) return std::nullopt;
    integers.push_back(static_cast<int64_t>(item.get<uint64_t>()));
  }
  return integers;
}

absl::StatusOr<Placed> ReadEntry(const std::string& path, const std::string& name,
                                 const nlohmann::json& entry) {
  const std::string printable = absl::StrCat("tensor ", Printable(name));
  if (!entry.is_object())
    return Error(path, absl::StrCat(printable, " is not described by an object; save it again"));
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) {
    return Error(path, absl::StrCat(printable, " has no dtype; save it again"));
  }
  const auto& dtype_name = dtype->get_ref<const std::string&>();
  const auto type = FromDtype(dtype_name);
  if (!type) {
    return Error(path, absl::StrCat(printable, " is of dtype ", Printable(dtype_name),
                                    "; save it as one of F32, F16, BF16, I32"));
  }
  auto shape = ReadIntegers(entry, "shape", kMaxDimensions);
  if (!shape) {
    return Error(path, absl::StrCat(printable, " needs a shape of at most ", kMaxDimensions,
                                    " non-negative integers; save it again"));
  }
  const auto offsets = ReadIntegers(entry, "data_offsets", 2);
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    return Error(path, absl::StrCat(printable, " needs two ascending data_offsets; save it again"));
  }
  Placed placed{.tensor = {.name = name, .type = *type, .shape = std::move(*shape), .data = {}},
                .begin = static_cast<uint64_t>((*offsets)[0]),
                .end = static_cast<uint64_t>((*offsets)[1])};
  const auto size = EncodedBytes(placed.tensor.type, placed.tensor.shape);
  if (!size || *size != placed.end - placed.begin) {
    return Error(path,
                 absl::StrCat(printable, " has ", placed.end - placed.begin,
                              " bytes, which is not what its dtype and shape take; download the file again"));
  }
  return placed;
}

absl::StatusOr<std::map<std::string, std::string, std::less<>>> ReadMetadata(const std::string& path,
                                                                             const nlohmann::json& json) {
  std::map<std::string, std::string, std::less<>> metadata;
  if (!json.is_object()) return Error(path, "__metadata__ is not an object; save the file again");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      return Error(path,
                   absl::StrCat("__metadata__ ", Printable(key), " is not a string; save the file again"));
    }
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

// The header's text, which must begin with a brace.
absl::StatusOr<std::string_view> FindHeader(const std::string& path, ByteCursor& cursor) {
  const auto header_bytes = cursor.Read<uint64_t>();
  if (!header_bytes) return Error(path, "not a safetensors file: shorter than 8 bytes; download it again");
  if (*header_bytes > kMaxHeaderBytes) {
    return Error(path, absl::StrCat("not a safetensors file, or its header is too long: ", *header_bytes,
                                    " bytes, at most ", kMaxHeaderBytes,
                                    " are read; check that it is the right file"));
  }
  const auto header = cursor.Take(*header_bytes);
  if (!header) return Error(path, "the file ends inside the header; download it again");
  const std::string_view text(reinterpret_cast<const char*>(header->data()), header->size());
  if (!text.starts_with('{')) return Error(path, "not a safetensors file: its header is not a JSON object");
  return text;
}

// In the order of their data, each beginning where the one before ends; the last ends with the file.
absl::Status Place(const std::string& path, std::span<const std::byte> data, std::vector<Placed>& placed) {
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t end = 0;
  std::string before = "the header";
  for (Placed& entry : placed) {
    const std::string printable = absl::StrCat("tensor ", Printable(entry.tensor.name));
    if (entry.begin < end) {
      return Error(path, absl::StrCat(printable, " overlaps ", before, "; save the file again"));
    }
    if (entry.begin > end) {
      return Error(path, absl::StrCat(printable, " leaves a gap of ", entry.begin - end, " bytes behind ",
                                      before, "; save the file again"));
    }
    if (entry.end > data.size()) {
      return Error(path, absl::StrCat(printable, " reaches past the end of the file; download it again"));
    }
    entry.tensor.data = data.subspan(entry.begin, entry.end - entry.begin);
    end = entry.end;
    before = printable;
  }
  if (end != data.size()) {
    return Error(path,
                 absl::StrCat(data.size() - end, " bytes lie behind ", before, "; download the file again"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> safetensors, FromBytes(path, file->bytes()));
  safetensors->file_ = std::move(file);
  return safetensors;
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::FromBytes(
    std::string path, std::span<const std::byte> bytes) {
  ByteCursor cursor(bytes);
  PASS_ASSIGN_OR_RETURN(const std::string_view header, FindHeader(path, cursor));
  PASS_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(path, header));
  if (json.size() > kMaxTensors) {
    return Error(path, absl::StrCat(json.size(), " tensors, at most ", kMaxTensors, " are read"));
  }
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile(std::move(path)));
  std::vector<Placed> placed;
  for (const auto& [name, entry] : json.items()) {
    if (name == kMetadata) {
      PASS_ASSIGN_OR_RETURN(file->metadata_, ReadMetadata(file->path_, entry));
    } else {
      PASS_ASSIGN_OR_RETURN(Placed one, ReadEntry(file->path_, name, entry));
      placed.push_back(std::move(one));
    }
  }
  PASS_RETURN_IF_ERROR(Place(file->path_, bytes.subspan(cursor.offset()), placed));
  for (Placed& entry : placed) file->tensors_.push_back(std::move(entry.tensor));
  return file;
}

}  // namespace pass
