// The decoders of Dequantize, one for each format with blocks: `count` blocks to float32, one after another.
// Layouts are ggml's (https://github.com/ggml-org/ggml, src/ggml-common.h, the structs block_*); they stand
// above each decoder as the fields of a block, in the order of its bytes. A field `half` is a binary16.
#pragma once

#include <cstddef>

#include "core/files/tensor_type.h"

namespace pass {

// Blocks of 32 with one scale (decode_small_blocks.cc).
void DecodeQ8_0(const std::byte* blocks, size_t count, float* out);
void DecodeQ4_0(const std::byte* blocks, size_t count, float* out);
void DecodeQ4_1(const std::byte* blocks, size_t count, float* out);
void DecodeQ5_0(const std::byte* blocks, size_t count, float* out);
void DecodeQ5_1(const std::byte* blocks, size_t count, float* out);

// Blocks of 256 whose groups of 16 or 32 have scales that are quantised themselves (decode_k_blocks.cc).
void DecodeQ2K(const std::byte* blocks, size_t count, float* out);
void DecodeQ3K(const std::byte* blocks, size_t count, float* out);
void DecodeQ4K(const std::byte* blocks, size_t count, float* out);
void DecodeQ5K(const std::byte* blocks, size_t count, float* out);
void DecodeQ6K(const std::byte* blocks, size_t count, float* out);

// Nibbles that are looked up in a table of sixteen values (decode_table_blocks.cc).
void DecodeIq4Nl(const std::byte* blocks, size_t count, float* out);
void DecodeIq4Xs(const std::byte* blocks, size_t count, float* out);
void DecodeMxfp4(const std::byte* blocks, size_t count, float* out);

// Calls decode(bytes of a block, its elements) for each block; its sizes are known to the compiler.
template <TensorType kType, typename DecodeBlock>
void ForEachBlock(const std::byte* blocks, size_t count, float* out, DecodeBlock decode) {
  constexpr BlockLayout kLayout = LayoutOf(kType);
  for (size_t i = 0; i < count; ++i) decode(blocks + i * kLayout.bytes, out + i * kLayout.elements);
}

}  // namespace pass
