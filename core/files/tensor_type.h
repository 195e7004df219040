// The number formats that a tensor may be stored in, in one table: names, numbers in GGUF files, sizes of blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pass {

enum class TensorType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kI32,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2K,
  kQ3K,
  kQ4K,
  kQ5K,
  kQ6K,
  kIq4Nl,
  kIq4Xs,
  kMxfp4,
};

// A stored row is a whole number of blocks. Plain numbers are blocks of one.
struct BlockLayout {
  uint64_t elements = 1;
  uint64_t bytes = 0;
};

struct TensorTypeFacts {
  TensorType type;
  std::string_view name;            // as ggml and, for plain numbers, safetensors call it
  std::optional<uint32_t> in_gguf;  // its number in a GGUF file; nullopt: not read from one
  BlockLayout layout;
};

// Sizes and numbers: https://github.com/ggml-org/ggml, src/ggml-common.h (block_*) and include/ggml.h (enum
// ggml_type). Integers are no weights: they are read from safetensors alone, for tables of our own.
inline constexpr TensorTypeFacts kTensorTypes[] = {
    {TensorType::kF32, "F32", 0, {1, 4}},         {TensorType::kF16, "F16", 1, {1, 2}},
    {TensorType::kBF16, "BF16", 30, {1, 2}},      {TensorType::kI32, "I32", std::nullopt, {1, 4}},
    {TensorType::kQ8_0, "Q8_0", 8, {32, 34}},     {TensorType::kQ4_0, "Q4_0", 2, {32, 18}},
    {TensorType::kQ4_1, "Q4_1", 3, {32, 20}},     {TensorType::kQ5_0, "Q5_0", 6, {32, 22}},
    {TensorType::kQ5_1, "Q5_1", 7, {32, 24}},     {TensorType::kQ2K, "Q2_K", 10, {256, 84}},
    {TensorType::kQ3K, "Q3_K", 11, {256, 110}},   {TensorType::kQ4K, "Q4_K", 12, {256, 144}},
    {TensorType::kQ5K, "Q5_K", 13, {256, 176}},   {TensorType::kQ6K, "Q6_K", 14, {256, 210}},
    {TensorType::kIq4Nl, "IQ4_NL", 20, {32, 18}}, {TensorType::kIq4Xs, "IQ4_XS", 23, {256, 136}},
    {TensorType::kMxfp4, "MXFP4", 39, {32, 17}},
};

constexpr const TensorTypeFacts& FactsOf(TensorType type) { return kTensorTypes[static_cast<size_t>(type)]; }
constexpr BlockLayout LayoutOf(TensorType type) { return FactsOf(type).layout; }
constexpr std::string_view TensorTypeName(TensorType type) { return FactsOf(type).name; }

// nullopt: a number that is not read; its name for errors is GgmlTypeName's.
std::optional<TensorType> TensorTypeInGguf(uint32_t number);
std::optional<TensorType> TensorTypeNamed(std::string_view name);

// The name of a number in a GGUF file, read here or not; "number 4711" where ggml has none either.
std::string GgmlTypeName(uint32_t number);
// "F32, F16, ...": every type that is read from GGUF files.
std::string GgmlTypesRead();

}  // namespace pass
