// Stored blocks as the whole numbers and scales that they consist of: for those who compute with them as they are. Pure
// functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/files/tensor_type.h"

namespace pass {

// A value is scale * code + minimum. Scale and minimum belong to a group of consecutive elements of a block.
struct CodeLayout {
  size_t group = 32;        // elements
  int least = 0, most = 0;  // code
  bool has_minimum = false;
};

// nullopt: the type has no blocks, or its blocks are not of this kind (Q2_K, whose minima have groups of 16, and MXFP4, whose
// scales are powers of two beyond the others' range).
std::optional<CodeLayout> CodeLayoutOf(TensorType type);

// Of a type with a CodeLayout, codes.size() elements, which are whole blocks and the whole of `data`. `scales` and `minima`
// have one number for each group; `minima` is empty for types without them. All numbers are exact, and scale * code + minimum
// is what Dequantize gives up to the rounding of the sum.
void DecodeCodes(TensorType type, std::span<const std::byte> data, std::span<int16_t> codes,
                 std::span<float> scales, std::span<float> minima);

}  // namespace pass
