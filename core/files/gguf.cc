#include "core/files/gguf.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/byte_cursor.h"
#include "core/files/gguf_parser.h"
#include "core/files/printable.h"

namespace pass {
namespace {

// The next integer, of whatever width, as sign and magnitude need: signed types sign-extended.
struct Integer {
  uint64_t bits = 0;
  bool negative = false;
};

template <typename T>
Integer Widen(ByteCursor& cursor) {
  const T value = *cursor.Read<T>();
  return {.bits = static_cast<uint64_t>(value), .negative = value < T{0}};
}

std::optional<Integer> ReadInteger(GgufType type, ByteCursor& cursor) {
  switch (type) {
    case GgufType::kUint8:
      return Widen<uint8_t>(cursor);
    case GgufType::kInt8:
      return Widen<int8_t>(cursor);
    case GgufType::kUint16:
      return Widen<uint16_t>(cursor);
    case GgufType::kInt16:
      return Widen<int16_t>(cursor);
    case GgufType::kUint32:
      return Widen<uint32_t>(cursor);
    case GgufType::kInt32:
      return Widen<int32_t>(cursor);
    case GgufType::kUint64:
      return Widen<uint64_t>(cursor);
    case GgufType::kInt64:
      return Widen<int64_t>(cursor);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::Open(const std::string& path,
                                                         const MetadataCheck& check) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<GgufFile> gguf, FromBytes(path, file->bytes(), check));
  gguf->file_ = std::move(file);
  return gguf;
}

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::FromBytes(std::string path,
                                                              std::span<const std::byte> bytes,
                                                              const MetadataCheck& check) {
  std::unique_ptr<GgufFile> gguf(new GgufFile(std::move(path)));
  GgufParser parser(gguf->path_, bytes);
  PASS_RETURN_IF_ERROR(parser.ParseMetadata());
  gguf->version_ = parser.version;
  gguf->metadata_ = std::move(parser.metadata);
  if (check) PASS_RETURN_IF_ERROR(check(*gguf));
  PASS_RETURN_IF_ERROR(parser.ParseTensors());
  gguf->tensors_ = std::move(parser.tensors);
  return gguf;
}

const GgufValue* GgufFile::Find(std::string_view key) const {
  const auto entry = metadata_.find(key);
  return entry == metadata_.end() ? nullptr : &entry->second;
}

absl::Status GgufFile::WrongType(std::string_view key, std::string_view wanted) const {
  const GgufValue& value = *Find(key);
  return absl::InvalidArgumentError(absl::StrCat(path_, ": metadata key ", Printable(key), " is ",
                                                 value.is_array ? "an array of " : "of type ",
                                                 GgufTypeName(static_cast<uint32_t>(value.type)), ", not ",
                                                 std::string(wanted), "; convert the model again"));
}

absl::StatusOr<std::optional<std::string>> GgufFile::FindString(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufType::kString) return WrongType(key, "a string");
  return std::string(*ByteCursor(value->data).ReadString());
}

absl::StatusOr<std::optional<uint64_t>> GgufFile::FindUint(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array) return WrongType(key, "an unsigned integer");
  ByteCursor cursor(value->data);
  const auto integer = ReadInteger(value->type, cursor);
  if (!integer) return WrongType(key, "an unsigned integer");
  if (integer->negative) return WrongType(key, "an unsigned integer: its value is negative");
  return integer->bits;
}

absl::StatusOr<std::optional<double>> GgufFile::FindDouble(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  ByteCursor cursor(value->data);
  if (!value->is_array && value->type == GgufType::kFloat32) return double{*cursor.Read<float>()};
  if (!value->is_array && value->type == GgufType::kFloat64) return *cursor.Read<double>();
  return WrongType(key, "a floating-point number");
}

absl::StatusOr<std::optional<bool>> GgufFile::FindBool(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufType::kBool) return WrongType(key, "a bool");
  return value->data[0] != std::byte{0};
}

absl::StatusOr<std::optional<std::vector<std::string>>> GgufFile::FindStrings(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array || value->type != GgufType::kString) return WrongType(key, "an array of strings");
  std::vector<std::string> strings;
  strings.reserve(value->count);
  ByteCursor cursor(value->data);
  for (uint64_t i = 0; i < value->count; ++i) strings.emplace_back(*cursor.ReadString());
  return strings;
}

absl::StatusOr<std::optional<std::vector<int32_t>>> GgufFile::FindInts(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const bool is_signed = value->type == GgufType::kInt32;
  if (!value->is_array || (!is_signed && value->type != GgufType::kUint32)) {
    return WrongType(key, "an array of 32-bit integers");
  }
  std::vector<int32_t> integers;
  integers.reserve(value->count);
  ByteCursor cursor(value->data);
  for (uint64_t i = 0; i < value->count; ++i) {
    const int32_t integer = *cursor.Read<int32_t>();
    if (!is_signed && integer < 0) return WrongType(key, "an array of integers below 2^31");
    integers.push_back(integer);
  }
  return integers;
}

}  // namespace pass
