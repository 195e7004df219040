#include "core/files/tensor_type.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pass {
namespace {

constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < std::size(kTensorTypes); ++i) {
    if (static_cast<size_t>(kTensorTypes[i].type) != i) return false;
  }
  return true;
}
static_assert(TableIsInOrder() && std::size(kTensorTypes) == static_cast<size_t>(TensorType::kMxfp4) + 1,
              "FactsOf indexes the table by type");

// Met in the wild and not read here; ggml.h, enum ggml_type.
constexpr std::pair<uint32_t, std::string_view> kTypesNotRead[] = {
    {9, "Q8_1"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"},
    {21, "IQ3_S"}, {22, "IQ2_S"}, {24, "I8"},      {25, "I16"},    {26, "I32"},     {27, "I64"},
    {28, "F64"},   {29, "IQ1_M"}, {34, "TQ1_0"},   {35, "TQ2_0"},  {40, "NVFP4"}};

}  // namespace

std::optional<TensorType> TensorTypeInGguf(uint32_t number) {
  for (const TensorTypeFacts& facts : kTensorTypes) {
    if (facts.in_gguf == number) return facts.type;
  }
  return std::nullopt;
}

std::optional<TensorType> TensorTypeNamed(std::string_view name) {
  for (const TensorTypeFacts& facts : kTensorTypes) {
    if (facts.name == name) return facts.type;
  }
  return std::nullopt;
}

std::string GgmlTypeName(uint32_t number) {
  if (const auto type = TensorTypeInGguf(number)) return std::string(TensorTypeName(*type));
  for (const auto& [unread, name] : kTypesNotRead) {
    if (unread == number) return std::string(name);
  }
  return absl::StrCat("number ", number);
}

std::string GgmlTypesRead() {
  std::string names;
  for (const TensorTypeFacts& facts : kTensorTypes) {
    if (!facts.in_gguf) continue;
    if (!names.empty()) names += ", ";
    names += facts.name;
  }
  return names;
}

}  // namespace pass
