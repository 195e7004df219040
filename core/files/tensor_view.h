// One tensor of a weights file, as it lies in the mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/tensor_type.h"

namespace pass {

struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;       // row-major, outermost first (GGUF's order is reversed on reading)
  std::span<const std::byte> data;  // borrowed from the mapped file; its size fits type and shape (checked)
};

}  // namespace pass
