// config.json of a Hugging Face folder, as transformers 4 and 5 write it: what its families have in common, for the files
// of architectures/. Errors are INVALID_ARGUMENT and name the file, the key and the cure. Torch-free.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/architecture.h"
#include "core/checkpoint/config.h"
#include "core/checkpoint/hf_keys.h"

namespace pass {

struct HfConfig {
  ModelConfig config;  // `tied_embeddings` is what the file says: a stored head may differ
  const Architecture* architecture;
  bool has_other_parts;  // the text model is one part of several, such as one that sees pictures
};

// Reads and validates. Refused: an architecture that is not served, another class than a causal language model, quantised
// weights, biases of the feed-forward part, a rotation of a part of each head.
absl::StatusOr<HfConfig> ReadHuggingFaceConfig(const std::string& path);

// What transformers takes for keys that are absent.
struct HfDefaults {
  int32_t vocab_size = 0, width = 0, ffn_width = 0, num_layers = 0, num_heads = 0;
  int32_t num_kv_heads = 0;  // 0: as many as heads
  int32_t head_dim = 0;      // 0: width / heads
  int32_t context_length = 0;
  double rms_epsilon = 1e-6;
  bool tied_embeddings = false;
};
absl::Status ReadHfSizes(const HfKeys& keys, const HfDefaults& defaults, ModelConfig& config);

absl::Status RefuseKeys(const HfKeys& keys, std::initializer_list<const char*> names);
absl::Status RefuseOtherActivation(const HfKeys& keys, const char* key, const std::string& served);
// attention_bias: on q, k, v and the output.
absl::Status ReadAttentionBias(const HfKeys& keys, ModelConfig& config);

// The rotation of all layers, into config.ropes[0]: rope_theta beside rope_scaling, or both in rope_parameters.
absl::Status ReadHfRope(const HfKeys& keys, ModelConfig& config, double theta = 10000.0);
// One of several rotations: `parameters` is rope_scaling or the object of rope_parameters.
absl::Status ReadRopeParameters(const HfKeys& parameters, const char* key, ModelConfig& config,
                                RopeConfig& rope);

// sliding_window, in every layer or none.
absl::Status ReadWindowOfAllLayers(const HfKeys& keys, ModelConfig& config);
// use_sliding_window, sliding_window and layer_types or max_window_layers, as Qwen's configurations have them.
absl::Status ReadQwenWindows(const HfKeys& keys, ModelConfig& config);
// layer_types, or what `slides` says of a layer where that is absent; `window` for those that slide.
absl::Status ReadLayerTypes(const HfKeys& keys, int32_t window, const std::function<bool(int layer)>& slides,
                            ModelConfig& config);

}  // namespace pass
