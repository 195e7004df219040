// Linears for the table of one instruction set: for the files that are compiled once for each, and for them alone.
#pragma once

#include <cstdint>

#include "core/kernels/linear.h"

namespace pass::kernels::PASS_KERNEL_ISA {

// Blocks [begin, end) of y [rows, out].
template <typename T, typename Out>
void Multiply(const LinearData<T>& data, Out* y, int64_t begin, int64_t end);

}  // namespace pass::kernels::PASS_KERNEL_ISA
