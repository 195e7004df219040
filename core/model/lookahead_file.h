// The file of learned look-ahead tokens: a safetensors file with the tensor lookahead.embeddings, F32 [L, d],
// and the metadata format = "pass-lookahead", version = "1" and the fields of LookaheadFacts, numbers in
// decimal. Torch-free.
//
// Invariant of what is read: embeddings.size() = L d, all finite, and the shape is the model's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/config.h"

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

struct LookaheadTokens {
  LookaheadFacts facts;
  std::vector<float> embeddings;  // row-major [L, d]; row k - 1 is [LA]_k
};

struct LoadedLookahead {
  LookaheadTokens tokens;
  std::string warning;  // one line, empty if the base weights are the same
};

// The facts of a model, for a file to be written or compared with.
LookaheadFacts FactsOf(const LlamaConfig& config);

// INVALID_ARGUMENT names the file, the field with the expected and the actual value, and the cure. Tokens
// learned on other weights of the same shape load with a warning: a requantised model stays usable.
absl::StatusOr<LoadedLookahead> ReadLookaheadFile(const std::string& path, const LlamaConfig& config,
                                                  std::string_view fingerprint);

// INVALID_ARGUMENT: the embeddings do not fit the facts, or the file cannot be written.
absl::Status WriteLookaheadFile(const std::string& path, const LookaheadTokens& tokens);

}  // namespace pass
