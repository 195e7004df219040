// One tensor of a weights file, as it lies in the mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pass {

enum class TensorType : uint8_t { kF32, kF16, kBF16, kI32, kQ8_0, kQ4_0, kQ4_1 };

std::string_view TensorTypeName(TensorType type);

struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;       // row-major, outermost first (GGUF's order is reversed on reading)
  std::span<const std::byte> data;  // borrowed from the mapped file; its size fits type and shape (checked)
};

}  // namespace pass
