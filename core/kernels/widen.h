// A weight as fp32, for the files that pack weights. They are compiled once, so they may not include registers.h, which has the
// same for the kernels of each instruction set.
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
