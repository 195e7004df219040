#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "core/files/dequantize.h"
#include "core/files/printable.h"
#include "core/files/safetensors.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

constexpr size_t kHeaderAlignment = 8;

absl::StatusOr<std::string> WriteHeader(const std::string& path,
                                        const std::map<std::string, std::string, std::less<>>& metadata,
                                        std::span<const TensorView> tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    const bool quantised = LayoutOf(tensor.type).elements != 1;
    if (quantised || EncodedBytes(tensor.type, tensor.shape) != tensor.data.size() ||
        header.contains(tensor.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": tensor ", Printable(tensor.name),
                       " cannot be written: its type, size or name does not fit"));
    }
    header[tensor.name] = {{"dtype", TensorTypeName(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.data.size()}}};
    offset += tensor.data.size();
  }
  std::string text =
      header.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return text;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, std::string, std::less<>>& metadata,
                              std::span<const TensorView> tensors) {
  const absl::StatusOr<std::string> header = WriteHeader(path, metadata, tensors);
  if (!header.ok()) return header.status();
  const std::string beside = absl::StrCat(path, ".partial");
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  const uint64_t header_bytes = header->size();
  file.write(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes));
  file.write(header->data(), static_cast<std::streamsize>(header->size()));
  for (const TensorView& tensor : tensors) {
    file.write(reinterpret_cast<const char*>(tensor.data.data()),
               static_cast<std::streamsize>(tensor.data.size()));
  }
  file.close();
  if (!file || std::rename(beside.c_str(), path.c_str()) != 0) {
    std::remove(beside.c_str());
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be written; check the folder's permissions and free space"));
  }
  return absl::OkStatus();
}

}  // namespace pass
