#include "core/files/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/dequantize.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 16;
constexpr uint64_t kMaxKeyBytes = 65535;  // the format's own limits
constexpr uint64_t kMaxTensorNameBytes = 64;
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kMaxAlignment = 1 << 16;

uint64_t RoundUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

}  // namespace

uint64_t GgufTypeSize(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

std::string GgufTypeName(uint32_t type) {
  static constexpr std::string_view kNames[] = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                "int32",  "float32", "bool",   "string", "array",
                                                "uint64", "int64",   "float64"};
  return type < std::size(kNames) ? std::string(kNames[type]) : absl::StrCat("number ", type);
}

absl::Status GgufParser::Error(const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, ": ", what));
}

absl::Status GgufParser::Truncated(const std::string& where) const {
  return Error(absl::StrCat("the file ends inside ", where, "; download it again"));
}

absl::Status GgufParser::ParseMetadata() {
  PASS_RETURN_IF_ERROR(ParseHeader());
  PASS_RETURN_IF_ERROR(ParseKeys());
  return ParseAlignment();
}

absl::Status GgufParser::ParseTensors() {
  PASS_RETURN_IF_ERROR(ParseTensorInfos());
  return PlaceTensors();
}

absl::Status GgufParser::ParseHeader() {
  const auto magic = cursor_.Read<uint32_t>();
  if (!magic || *magic != kMagic) return Error("not a GGUF file; name a .gguf file or a Hugging Face folder");
  const auto file_version = cursor_.Read<uint32_t>();
  if (!file_version) return Truncated("the header");
  if (*file_version != 2 && *file_version != 3) {
    return Error(absl::StrCat("GGUF version ", *file_version,
                              " is not read (2 and 3 are, little-endian); convert the model again"));
  }
  version = *file_version;
  const auto num_tensors = cursor_.Read<uint64_t>();
  const auto num_keys = cursor_.Read<uint64_t>();
  if (!num_tensors || !num_keys) return Truncated("the header");
  if (*num_tensors > kMaxTensors) {
    return Error(
        absl::StrCat(*num_tensors, " tensors, at most ", kMaxTensors, " are read; download the file again"));
  }
  if (*num_keys > kMaxKeys) {
    return Error(
        absl::StrCat(*num_keys, " metadata keys, at most ", kMaxKeys, " are read; download the file again"));
  }
  num_tensors_ = *num_tensors;
  num_keys_ = *num_keys;
  return absl::OkStatus();
}

absl::Status GgufParser::ParseKeys() {
  for (uint64_t i = 0; i < num_keys_; ++i) {
    const auto name = cursor_.ReadString();
    if (!name) return Truncated(absl::StrCat("metadata key ", i));
    if (name->empty() || name->size() > kMaxKeyBytes) {
      return Error(absl::StrCat("metadata key ", i, " has ", name->size(), " bytes, 1 to ", kMaxKeyBytes,
                                " are allowed; download the file again"));
    }
    const auto [entry, is_new] = metadata.try_emplace(std::string(*name));
    if (!is_new) {
      return Error(
          absl::StrCat("metadata key ", Printable(*name), " appears twice; convert the model again"));
    }
    PASS_RETURN_IF_ERROR(ParseValue(entry->first, entry->second));
  }
  return absl::OkStatus();
}

absl::Status GgufParser::ParseValue(const std::string& key, GgufValue& value) {
  auto type = cursor_.Read<uint32_t>();
  if (!type) return Truncated(absl::StrCat("metadata key ", Printable(key)));
  if (*type == static_cast<uint32_t>(GgufType::kArray)) {
    value.is_array = true;
    type = cursor_.Read<uint32_t>();
    const auto count = cursor_.Read<uint64_t>();
    if (!type || !count) return Truncated(absl::StrCat("metadata key ", Printable(key)));
    value.count = *count;
  }
  const bool known = *type <= static_cast<uint32_t>(GgufType::kFloat64);
  if (!known || *type == static_cast<uint32_t>(GgufType::kArray)) {
    return Error(absl::StrCat("metadata key ", Printable(key), " has ",
                              value.is_array ? "elements" : "a value", " of type ", GgufTypeName(*type),
                              ", which is not read; convert the model again"));
  }
  value.type = static_cast<GgufType>(*type);
  return ParseElements(key, value);
}

absl::Status GgufParser::ParseElements(const std::string& key, GgufValue& value) {
  const uint64_t start = cursor_.offset();
  const uint64_t size = GgufTypeSize(value.type);
  // A string has at least its length. Compared by division: the product may not fit.
  if (value.count > cursor_.remaining() / (size != 0 ? size : sizeof(uint64_t))) {
    return Truncated(absl::StrCat("metadata key ", Printable(key), " (", value.count, " elements)"));
  }
  if (size != 0) {
    cursor_.Take(value.count * size);
  } else {
    for (uint64_t i = 0; i < value.count; ++i) {
      if (!cursor_.ReadString()) {
        return Truncated(absl::StrCat("metadata key ", Printable(key), ", string ", i));
      }
    }
  }
  value.data = bytes_.subspan(start, cursor_.offset() - start);
  if (value.type == GgufType::kBool &&
      std::any_of(value.data.begin(), value.data.end(), [](std::byte b) { return b > std::byte{1}; })) {
    return Error(absl::StrCat("metadata key ", Printable(key),
                              " holds a bool that is neither 0 nor 1; download the file again"));
  }
  return absl::OkStatus();
}

absl::Status GgufParser::ParseAlignment() {
  const auto entry = metadata.find("general.alignment");
  if (entry == metadata.end()) return absl::OkStatus();
  const GgufValue& value = entry->second;
  if (value.is_array || value.type != GgufType::kUint32) {
    return Error("metadata key 'general.alignment' must be a uint32; convert the model again");
  }
  alignment_ = *ByteCursor(value.data).Read<uint32_t>();
  if (!std::has_single_bit(alignment_) || alignment_ < 8 || alignment_ > kMaxAlignment) {
    return Error(absl::StrCat("metadata key 'general.alignment' is ", alignment_,
                              ", a power of two from 8 to ", kMaxAlignment,
                              " is allowed; convert the model again"));
  }
  return absl::OkStatus();
}

absl::Status GgufParser::ParseTensorInfos() {
  // Name length, one byte of name, number of dimensions, one dimension, type, offset.
  constexpr uint64_t kMinInfoBytes = 8 + 1 + 4 + 8 + 4 + 8;
  if (num_tensors_ > cursor_.remaining() / kMinInfoBytes) {
    return Truncated(absl::StrCat("the list of ", num_tensors_, " tensors"));
  }
  tensors.resize(num_tensors_);
  extents_.resize(num_tensors_);
  std::set<std::string_view> names;
  for (uint64_t i = 0; i < num_tensors_; ++i) {
    extents_[i].tensor = i;
    PASS_RETURN_IF_ERROR(ParseTensorInfo(tensors[i], extents_[i]));
    if (!names.insert(tensors[i].name).second) {
      return Error(
          absl::StrCat("tensor ", Printable(tensors[i].name), " appears twice; convert the model again"));
    }
  }
  return absl::OkStatus();
}

absl::Status GgufParser::ParseTensorInfo(TensorView& tensor, Extent& extent) {
  const auto name = cursor_.ReadString();
  if (!name) return Truncated("a tensor's name");
  if (name->empty() || name->size() > kMaxTensorNameBytes) {
    return Error(absl::StrCat("tensor ", Printable(*name), " has a name of ", name->size(), " bytes, 1 to ",
                              kMaxTensorNameBytes, " are allowed; download the file again"));
  }
  tensor.name = std::string(*name);
  const std::string printable = absl::StrCat("tensor ", Printable(*name));
  const auto num_dimensions = cursor_.Read<uint32_t>();
  if (!num_dimensions) return Truncated(printable);
  if (*num_dimensions < 1 || *num_dimensions > kMaxDimensions) {
    return Error(absl::StrCat(printable, " has ", *num_dimensions, " dimensions, 1 to ", kMaxDimensions,
                              " are allowed; download the file again"));
  }
  tensor.shape.resize(*num_dimensions);
  for (uint32_t i = 0; i < *num_dimensions; ++i) {
    const auto dimension = cursor_.Read<uint64_t>();
    if (!dimension) return Truncated(printable);
    if (*dimension == 0 || !std::in_range<int64_t>(*dimension)) {
      return Error(absl::StrCat(printable, " has a dimension of ", *dimension, "; download the file again"));
    }
    tensor.shape[*num_dimensions - 1 - i] = static_cast<int64_t>(*dimension);
  }
  const auto type = cursor_.Read<uint32_t>();
  const auto offset = cursor_.Read<uint64_t>();
  if (!type || !offset) return Truncated(printable);
  const auto known = TensorTypeInGguf(*type);
  if (!known) {
    return Error(absl::StrCat(printable, " is of type ", GgmlTypeName(*type),
                              "; quantise the model as one of ", GgmlTypesRead()));
  }
  tensor.type = *known;
  const auto size = EncodedBytes(tensor.type, tensor.shape);
  if (!size) {
    return Error(absl::StrCat(printable, " has a shape that overflows or is not whole blocks of ",
                              std::string(TensorTypeName(tensor.type)), "; download the file again"));
  }
  extent.offset = *offset;
  extent.size = *size;
  return absl::OkStatus();
}

// Tensor data starts at the next multiple of the alignment, and so does each tensor; nothing lies between or
// behind them but padding.
absl::Status GgufParser::PlaceTensors() {
  if (tensors.empty()) return absl::OkStatus();
  const uint64_t start = RoundUp(cursor_.offset(), alignment_);
  const uint64_t available = start <= bytes_.size() ? bytes_.size() - start : 0;
  std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
    return std::pair(a.offset, a.tensor) < std::pair(b.offset, b.tensor);
  });
  uint64_t end = 0;  // of the tensor before
  std::string before = "the start of the tensor data";
  for (const Extent& extent : extents_) {
    TensorView& tensor = tensors[extent.tensor];
    const std::string printable = absl::StrCat("tensor ", Printable(tensor.name));
    if (extent.offset % alignment_ != 0) {
      return Error(absl::StrCat(printable, " lies at offset ", extent.offset,
                                ", not a multiple of the alignment ", alignment_,
                                "; convert the model again"));
    }
    const uint64_t expected = RoundUp(end, alignment_);  // end <= the file's size: no overflow
    if (extent.offset < expected) {
      return Error(absl::StrCat(printable, " overlaps ", before, "; download the file again"));
    }
    if (extent.offset > expected) {
      return Error(absl::StrCat(printable, " leaves a gap of ", extent.offset - expected, " bytes behind ",
                                before, "; convert the model again"));
    }
    if (extent.offset > available || extent.size > available - extent.offset) {
      return Error(absl::StrCat(printable, " reaches past the end of the file; download it again"));
    }
    tensor.data = bytes_.subspan(start + extent.offset, extent.size);
    end = extent.offset + extent.size;
    before = printable;
  }
  if (available - end >= alignment_) {
    return Error(absl::StrCat(available - end, " bytes lie behind the last tensor, ", before,
                              "; download the file again"));
  }
  return absl::OkStatus();
}

}  // namespace pass
