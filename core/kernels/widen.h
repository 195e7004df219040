// A weight as fp32, for the files that pack weights. Those are compiled once. registers.h has the same for the kernels, which are
// compiled for each instruction set; it may not be included here.
#pragma once

#include <bit>
#include <cstdint>

#include "core/kernels/linear.h"

namespace pass::kernels {
namespace {

inline float Widen(float x) { return x; }
inline float Widen(Bf16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

}  // namespace
}  // namespace pass::kernels
