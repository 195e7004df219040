// Stored number formats to float32. Pure functions, thread-safe.
//
// A stored row is a whole number of blocks. Blocks of 32 elements, as ggml defines them
// (https://github.com/ggml-org/ggml, src/ggml-common.h and src/ggml-quants.c; d and m are binary16):
//   Q8_0  34 bytes: d, 32 int8 q                x_i = d q_i
//   Q4_0  18 bytes: d, 16 bytes of nibbles      x_i = d (q_i - 8)
//   Q4_1  20 bytes: d, m, 16 bytes of nibbles   x_i = d q_i + m
// where nibble i is the low half of byte i, nibble i + 16 the high half of byte i. F32, F16, BF16 and
// I32 are blocks of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/files/tensor_view.h"

namespace pass {

struct BlockLayout {
  uint64_t elements = 1;
  uint64_t bytes = 0;
};

BlockLayout LayoutOf(TensorType type);

// Product of the dimensions; nullopt if one is negative or the product leaves int64. An empty shape is a
// scalar: 1.
std::optional<uint64_t> CountElements(std::span<const int64_t> shape);

// Bytes of a tensor; nullopt on overflow, or if the innermost dimension is not a whole number of blocks.
std::optional<uint64_t> EncodedBytes(TensorType type, std::span<const int64_t> shape);

float HalfToFloat(uint16_t bits);
float BFloat16ToFloat(uint16_t bits);

// Decodes out.size() elements, which must be whole blocks and the whole of `data`.
void Dequantize(TensorType type, std::span<const std::byte> data, std::span<float> out);

}  // namespace pass
