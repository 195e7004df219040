#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

__global__ void EmbedRow(const EmbedCall call) {
  LetNextStart();
  WaitForEarlier();
  const int64_t row = blockIdx.x;
  const int64_t lookahead = call.lookaheads[row];
  float* residual = call.residual + row * call.width;
  if (lookahead > 0 && call.learned != nullptr) {
    const float* learned = call.learned + (lookahead - 1) * call.width;
    for (int i = static_cast<int>(threadIdx.x); i < call.width; i += static_cast<int>(blockDim.x))
      residual[i] = learned[i];
  } else {
    const uint16_t* embedding = call.embedding + call.tokens[row] * call.width;
    for (int i = static_cast<int>(threadIdx.x); i < call.width; i += static_cast<int>(blockDim.x)) {
      residual[i] = FromBf16(embedding[i]) * call.multiplier;
    }
  }
}

}  // namespace

void Embed(const EmbedCall& call, void* stream) { Launch(EmbedRow, dim3{kRows}, 256, stream, call); }

}  // namespace pass::cuda::PASS_CUDA_TARGET
