// Attention for the table of one instruction set: for the files that are compiled once for each, and for them alone.
#pragma once

#include "core/kernels/kernels.h"

namespace pass::kernels::PASS_KERNEL_ISA {

// One task of the plan and one key-value head. `scratch` has AttentionScratchFloats().
template <typename T>
void Attention(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch);

}  // namespace pass::kernels::PASS_KERNEL_ISA
