// Kernels of this project's own for a step on a GPU, in the shapes of a slice: kRows rows, whatever the batch (slices.h).
//
// The .cu files have operators of backend.h. Each is compiled twice: by nvcc for a device, where the build has it, and by the C++
// compiler on an emulation of CUDA's language (emulation.h). So tests run the same text without a device. Every output has one
// order of sums, which depends on the widths of the model and on positions alone: a row's bits do not depend on its neighbours.
//
// bf16 numbers are their 16 bits. Pointers are of the device's memory, 16 bytes aligned. `stream`: a cudaStream_t. Nothing waits.
// Throws std::runtime_error where a launch fails. Thread: the engine's.
#pragma once

#include <cstdint>

namespace pass::cuda {

inline constexpr int kRows = 32;

// As Backend::Embed.
struct EmbedCall {
  const int64_t* tokens;      // [kRows]
  const int64_t* lookaheads;  // [kRows]
  const uint16_t* embedding;  // [vocab, width]
  const float* learned;       // [L, width] or nullptr
  float multiplier;
  int width;
  float* residual;  // [kRows, width]
};

// As Backend::AddRmsNorm.
struct AddRmsNormCall {
  float* residual;        // [kRows, width]
  const uint16_t* delta;  // [kRows, width] or nullptr
  const float* weight;    // [width] or nullptr
  float epsilon;
  float multiplier;
  int width;      // a multiple of 4
  uint16_t* out;  // [kRows, width]
};

// As Backend::NormSegments.
struct NormSegmentsCall {
  uint16_t* x;          // [kRows, stride], from the first element that is normalised
  int64_t stride;       // between rows
  int segments;         // of a row, side by side
  const float* weight;  // [width]
  float epsilon;
  int width;
};

enum class Gate { kNone, kSilu, kGeluTanh };

// y = x W^T + b, and (x A^T) B^T more for adapted rows; with a gate, activation(g) * u for the halves [g; u] of y.
struct LinearCall {
  const uint16_t* x;       // [kRows, in]
  const uint16_t* weight;  // [out, in]
  const float* bias;       // [out] or nullptr
  const bool* adapted;     // [kRows]; nullptr: no row is
  const uint16_t* a;       // [rank, in]
  const uint16_t* b;       // [out, rank]
  int rank;                // a multiple of kRankStep, at most kMostRank
  int in;                  // a multiple of kInStep
  int out;                 // a multiple of kOutStep, with a gate of twice that
  Gate gate;
  uint16_t* y;  // [kRows, out], with a gate [kRows, out / 2]
};
inline constexpr int kInStep = 32, kOutStep = 8, kRankStep = 16, kMostRank = 128;

// As Backend::RopeSplit. A store of keys or values is [slots, kv_heads, head_dim].
struct RopeSplitCall {
  const uint16_t* qkv;     // [kRows, (heads + 2 kv_heads) * head_dim]
  const float *cos, *sin;  // [positions, rotary_half]; nullptr: nothing is rotated
  int rotary_half;
  const float* query_scales;  // [positions] or nullptr
  const int64_t* positions;   // [kRows]
  const int64_t* own_slots;   // [kRows]
  int heads, kv_heads, head_dim;
  float score_scale;
  float* query;  // [kRows, heads, head_dim]
  uint16_t *keys, *values;
};

// As Backend::ProjectHeads: y is not written, and `split` has no qkv. rotary_half is a multiple of 4, and a head has a multiple of
// kOutStep elements that are not rotated.
struct HeadsCall {
  LinearCall linear;
  RopeSplitCall split;
};

// As Backend::Attention.
struct AttentionCall {
  const float* query;  // [kRows, heads, head_dim]
  const uint16_t *keys, *values;
  const int32_t* slots;      // [kRows, most_positions]: where a row reads each position up to its own
  const int64_t* positions;  // [kRows]
  int64_t most_positions;
  int heads, kv_heads, head_dim;  // head_dim: a multiple of 8, at most kMostHeadDim
  int window;                     // 0: none
  float softcap;                  // 0: none
  uint16_t* out;                  // [kRows, heads * head_dim]
};
inline constexpr int kMostHeadDim = 256;

// As BestKeys of best_tokens.h, without a softcap.
struct BestKeysCall {
  const uint16_t* logits;  // [kRows, vocab]
  int vocab;               // a multiple of 8
  int count;               // at most kMostBest, and at most vocab
  int64_t* keys;           // [kRows, count + 1]
};
inline constexpr int kMostBest = 512;

struct Kernels {
  void (*embed)(const EmbedCall& call, void* stream);
  void (*add_rms_norm)(const AddRmsNormCall& call, void* stream);
  void (*norm_segments)(const NormSegmentsCall& call, void* stream);
  void (*linear)(const LinearCall& call, void* stream);
  void (*rope_split)(const RopeSplitCall& call, void* stream);
  void (*project_heads)(const HeadsCall& call, void* stream);
  void (*attention)(const AttentionCall& call, void* stream);
  void (*best_keys)(const BestKeysCall& call, void* stream);
};

}  // namespace pass::cuda
