#include "tests/support/gguf_builder.h"

#include <algorithm>

#include "core/base/check.h"

namespace pass {
namespace {

uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

std::string EncodedString(std::string_view text) {
  return Encoded(uint64_t{text.size()}) + std::string(text);
}

void GgufBuilder::AddValue(std::string_view key, uint32_t type, std::string_view encoded) {
  metadata_ += EncodedString(key) + Encoded(type) + std::string(encoded);
  ++num_added_;
}

void GgufBuilder::AddArray(std::string_view key, uint32_t type, uint64_t count, std::string_view encoded) {
  AddValue(key, 9, Encoded(type) + Encoded(count) + std::string(encoded));
}

void GgufBuilder::AddStrings(std::string_view key, const std::vector<std::string>& values) {
  std::string encoded;
  for (const std::string& value : values) encoded += EncodedString(value);
  AddArray(key, 8, values.size(), encoded);
}

void GgufBuilder::AddInts(std::string_view key, const std::vector<int32_t>& values) {
  std::string encoded;
  for (const int32_t value : values) encoded += Encoded(value);
  AddArray(key, 5, values.size(), encoded);
}

GgufTensorPlan& GgufBuilder::Tensor(std::string_view name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [name](const auto& t) { return t.name == name; });
  PASS_CHECK(found != tensors.end());
  return *found;
}

std::string GgufBuilder::Build() const {
  std::string file = magic + Encoded(version) + Encoded(num_tensors.value_or(tensors.size())) +
                     Encoded(num_keys.value_or(num_added_)) + metadata_;
  std::string data;
  for (const GgufTensorPlan& tensor : tensors) {
    data.resize(RoundUp(data.size(), alignment));
    file += EncodedString(tensor.name) + Encoded(static_cast<uint32_t>(tensor.dimensions.size()));
    for (const uint64_t dimension : tensor.dimensions) file += Encoded(dimension);
    file += Encoded(tensor.type) + Encoded(tensor.offset.value_or(data.size()));
    data += tensor.data;
  }
  if (!tensors.empty()) file.resize(RoundUp(file.size(), alignment));
  return file + data;
}

}  // namespace pass
