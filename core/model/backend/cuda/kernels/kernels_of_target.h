// The operators as the .cu files define them, for whichever target they are compiled.
#pragma once

#include "core/model/backend/cuda/kernels/language.h"

namespace pass::cuda::PASS_CUDA_TARGET {

void Embed(const EmbedCall& call, void* stream);
void AddRmsNorm(const AddRmsNormCall& call, void* stream);
void NormSegments(const NormSegmentsCall& call, void* stream);
void MultiplyRows(const LinearCall& call, void* stream);
void RopeSplit(const RopeSplitCall& call, void* stream);
void ProjectHeads(const HeadsCall& call, void* stream);
void Attend(const AttentionCall& call, void* stream);
void FindBestKeys(const BestKeysCall& call, void* stream);

}  // namespace pass::cuda::PASS_CUDA_TARGET
