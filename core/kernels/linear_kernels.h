// Linears for the table of one instruction set: for the files that are compiled once for each, and for them alone.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/kernels/linear.h"

namespace pass::kernels::PASS_KERNEL_ISA {

// Whether inputs of this type are widened first, because no instruction multiplies them as they are.
#if defined(__AVX512BF16__)
template <typename T>
inline constexpr bool kWideInputs = false;
#else
template <typename T>
inline constexpr bool kWideInputs = !std::is_same_v<T, float>;
#endif

// Blocks [begin, end) of y [rows, out].
template <typename T, typename Out>
void Multiply(const LinearData<T>& data, Out* y, int64_t begin, int64_t end);

}  // namespace pass::kernels::PASS_KERNEL_ISA
