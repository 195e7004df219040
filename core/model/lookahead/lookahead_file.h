// The file of learned look-ahead tokens, with the optional gated adapter and head: a safetensors file with the metadata
// format = "pass-lookahead", version = "1" and the fields of LookaheadFacts, numbers in decimal. Torch-free.
//
// Tensors, row-major; d width, L tokens, r rank, H hidden; sizes r and H are read from the shapes:
//   lookahead.embeddings        F32 [L, d]
//   adapter.<layer>.<linear>.a  BF16 [r, in]    linear: qkv, attention_out, gate_up, down (the fused ones of
//   adapter.<layer>.<linear>.b  BF16 [out, r]   weights.h); y += (x a^T) b^T on look-ahead rows; all layers or none
//   head.w1                     BF16 [H, 2 d]   u' = u + w2 silu(w1 [u; e]), e the embedding of the token just before
//   head.w2                     BF16 [d, H]     the predicted one; logits are those of u'; both or none
//   head.frequent_tokens        I32 [F]         ascending; scored by recurrent steps beside the row's shortlist; with a head
//
// Invariant of what is read: all values are finite, the shapes are the model's, ids are in the vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"

namespace pass {

// What the tokens were learned on.
struct LookaheadFacts {
  std::string architecture = "llama";
  int64_t width = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t vocabulary = 0;
  int64_t num_lookahead = 0;     // L
  std::string base_fingerprint;  // Checkpoint::Fingerprint() of the base weights
  std::string base_model;        // its name, for people
  std::string recipe;            // how they were learned, for people
};

// A bf16 matrix as the file holds it: the upper halves of float32 numbers, row-major.
struct Bf16Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<uint16_t> values;
};

struct LowRank {
  Bf16Matrix a;  // [r, in]
  Bf16Matrix b;  // [out, r]
};

struct LayerAdapter {
  LowRank qkv, attention_out, gate_up, down;
};

struct LookaheadHead {
  Bf16Matrix w1;                         // [H, 2 d]
  Bf16Matrix w2;                         // [d, H]
  std::vector<int32_t> frequent_tokens;  // [F]
};

struct LookaheadTokens {
  LookaheadFacts facts;
  std::vector<float> embeddings;      // row-major [L, d]; row k - 1 is [LA]_k
  std::vector<LayerAdapter> adapter;  // one per layer, or none
  std::optional<LookaheadHead> head;
};

struct LoadedLookahead {
  LookaheadTokens tokens;
  std::string warning;  // one line, empty if the base weights are the same
};

// The facts of a model, for a file to be written or compared with.
LookaheadFacts FactsOf(const ModelConfig& config);

// INVALID_ARGUMENT names the file, the field with the expected and the actual value, and the cure. Tokens
// learned on other weights of the same shape load with a warning: a requantised model stays usable.
absl::StatusOr<LoadedLookahead> ReadLookaheadFile(const std::string& path, const ModelConfig& config,
                                                  std::string_view fingerprint);

// INVALID_ARGUMENT: values do not fill their matrices or the facts, or the file cannot be written.
absl::Status WriteLookaheadFile(const std::string& path, const LookaheadTokens& tokens);

}  // namespace pass
