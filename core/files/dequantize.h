// Stored number formats to float32. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/files/tensor_type.h"

namespace pass {

// Product of the dimensions; nullopt if one is negative or the product leaves int64. An empty shape is a
// scalar: 1.
std::optional<uint64_t> CountElements(std::span<const int64_t> shape);

// Bytes of a tensor; nullopt on overflow, or if the innermost dimension is not a whole number of blocks.
std::optional<uint64_t> EncodedBytes(TensorType type, std::span<const int64_t> shape);

// Decodes out.size() elements, which must be whole blocks and the whole of `data`. The values are those of
// ggml's own decoders and of the `gguf` Python package, bit for bit: every product on the way is exact, and
// at most one sum is rounded.
void Dequantize(TensorType type, std::span<const std::byte> data, std::span<float> out);

}  // namespace pass
