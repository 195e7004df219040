// The metadata of a GGUF model: what its architectures have in common, for the files of architectures/. Errors are
// INVALID_ARGUMENT and name the file, the key and the cure. Torch-free.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/architecture.h"
#include "core/checkpoint/config.h"
#include "core/checkpoint/gguf_keys.h"

namespace pass {

// What the rotation of Llama 3 divides its frequencies by; a tensor that is no weight.
inline constexpr char kGgufRopeFactors[] = "rope_freqs.weight";

// What can be said before anything about the tensors is read: the architecture, an adapter, experts, a split file.
absl::Status CheckGgufKind(const GgufFile& file);

struct GgufConfig {
  ModelConfig config;
  const Architecture* architecture;
};
// Reads and validates.
absl::StatusOr<GgufConfig> ReadGgufConfig(const GgufFile& file);

// The rotation of all layers, into config.ropes[0]: its base, and linear, YaRN's or Llama 3's scaling.
absl::Status ReadGgufRope(const GgufKeys& keys, ModelConfig& config, double theta = 10000.0);
// attention.sliding_window, for all layers but each `period`-th; attention.sliding_window_pattern, a number or a list,
// replaces `period`. `absent`: the window without that key; 0: none.
absl::Status ReadGgufWindows(const GgufKeys& keys, int32_t period, ModelConfig& config, int32_t absent = 0);

}  // namespace pass
