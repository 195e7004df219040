#include "core/files/dequantize.h"

#include <cstring>

#include "core/base/check.h"
#include "core/files/decode_blocks.h"
#include "core/files/half.h"

namespace pass {

std::optional<uint64_t> CountElements(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return static_cast<uint64_t>(count);
}

std::optional<uint64_t> EncodedBytes(TensorType type, std::span<const int64_t> shape) {
  const auto count = CountElements(shape);
  const BlockLayout layout = LayoutOf(type);
  const uint64_t row = shape.empty() ? 1 : static_cast<uint64_t>(shape.back());
  if (!count || row % layout.elements != 0) return std::nullopt;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(*count / layout.elements, layout.bytes, &bytes)) return std::nullopt;
  return bytes;
}

void Dequantize(TensorType type, std::span<const std::byte> data, std::span<float> out) {
  const BlockLayout layout = LayoutOf(type);
  const size_t count = out.size() / layout.elements;
  PASS_CHECK(out.size() % layout.elements == 0 && data.size() == count * layout.bytes);
  const std::byte* in = data.data();
  float* x = out.data();
  switch (type) {
    case TensorType::kF32:
      if (!data.empty()) std::memcpy(x, in, data.size());
      return;
    case TensorType::kF16:
      for (size_t i = 0; i < count; ++i) x[i] = LoadHalf(in + 2 * i);
      return;
    case TensorType::kBF16:
      for (size_t i = 0; i < count; ++i) x[i] = BFloat16ToFloat(LoadUnaligned<uint16_t>(in + 2 * i));
      return;
    case TensorType::kI32:
      for (size_t i = 0; i < count; ++i) x[i] = static_cast<float>(LoadUnaligned<int32_t>(in + 4 * i));
      return;
    case TensorType::kQ8_0:
      return DecodeQ8_0(in, count, x);
    case TensorType::kQ4_0:
      return DecodeQ4_0(in, count, x);
    case TensorType::kQ4_1:
      return DecodeQ4_1(in, count, x);
    case TensorType::kQ5_0:
      return DecodeQ5_0(in, count, x);
    case TensorType::kQ5_1:
      return DecodeQ5_1(in, count, x);
    case TensorType::kQ2K:
      return DecodeQ2K(in, count, x);
    case TensorType::kQ3K:
      return DecodeQ3K(in, count, x);
    case TensorType::kQ4K:
      return DecodeQ4K(in, count, x);
    case TensorType::kQ5K:
      return DecodeQ5K(in, count, x);
    case TensorType::kQ6K:
      return DecodeQ6K(in, count, x);
    case TensorType::kIq4Nl:
      return DecodeIq4Nl(in, count, x);
    case TensorType::kIq4Xs:
      return DecodeIq4Xs(in, count, x);
    case TensorType::kMxfp4:
      return DecodeMxfp4(in, count, x);
  }
}

}  // namespace pass
