// The tensors of a look-ahead file, read and written. Which there are: lookahead_file.h. Torch-free.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "core/checkpoint/config.h"
#include "core/files/safetensors.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

// A linear of a layer that the adapter adds to.
struct AdaptedLinear {
  const char* name;
  LowRank LayerAdapter::*adapter;
  int64_t out = 0;
  int64_t in = 0;
};
std::array<AdaptedLinear, 4> AdaptedLinears(const ModelConfig& config);

// Fills tokens.embeddings, adapter and head; tokens.facts has been read and fits `config`. INVALID_ARGUMENT names the
// file, the tensor and the cure.
absl::Status ReadLookaheadTensors(const SafetensorsFile& file, const ModelConfig& config,
                                  LookaheadTokens& tokens);

// Writes the file with this metadata. INVALID_ARGUMENT: values and sizes disagree, or the file cannot be written.
absl::Status WriteLookaheadTensors(const std::string& path,
                                   const std::map<std::string, std::string, std::less<>>& metadata,
                                   const LookaheadTokens& tokens);

}  // namespace pass
