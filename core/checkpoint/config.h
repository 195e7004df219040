// What a model is, apart from its weights: sizes, and the switches of the one block that all families share
// (core/model/transformer.h). The defaults are plain Llama's. Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pass {

// rope_scaling of type "llama3" (Llama 3.1 release notes; transformers modeling_rope_utils.py).
struct Llama3RopeScaling {
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int32_t original_context_length = 8192;
};

// Peng et al., YaRN, arXiv 2309.00071, as transformers computes it.
struct YarnRopeScaling {
  double factor = 1.0;
  double attention_factor = 1.0;  // of cosines and sines
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  int32_t original_context_length = 4096;
  bool whole_bounds = true;  // the ramp's ends are rounded outwards to whole dimensions
};

// One rotation of queries and keys (Su et al., RoFormer, arXiv 2104.09864).
struct RopeConfig {
  double theta = 10000.0;
  // Every frequency is divided by it: "linear" scaling, or position interpolation (Chen et al., arXiv 2306.15595).
  double linear_factor = 1.0;
  std::optional<Llama3RopeScaling> llama3 = std::nullopt;
  std::optional<YarnRopeScaling> yarn = std::nullopt;
};

inline constexpr int kNoRope = -1;

struct LayerConfig {
  int32_t window = 0;  // positions that a row reads, its own included; 0: all before it
  int rope = 0;        // index into ModelConfig::ropes, or kNoRope
};

enum class NormPlacement : uint8_t {
  kPre,      // before attention and before the feed-forward part
  kPost,     // behind them, before their outputs are added
  kSandwich  // both
};
enum class QkNorm : uint8_t {
  kNone,
  kHead,  // each query and key head apart, one weight for all heads
  kWhole  // all query heads as one vector, and all key heads
};
enum class Activation : uint8_t { kSilu, kGeluTanh };

// A query at position p is multiplied by 1 + beta ln(1 + floor(p / original_context_length)) (Ministral 3, Llama 4).
struct QueryScaling {
  double beta = 0.0;
  int32_t original_context_length = 1;
};

struct ModelConfig {
  std::string architecture = "llama";  // as GGUF names it
  int64_t vocab_size = 0;              // rows of the embedding table
  int64_t width = 0;                   // d
  int64_t ffn_width = 0;               // inner width of the feed-forward part
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int rotary_dim = 0;          // leading elements of a head that are rotated; 0: all
  int32_t context_length = 0;  // positions
  double rms_epsilon = 1e-5;
  std::vector<RopeConfig> ropes = {RopeConfig()};
  std::vector<LayerConfig> layers = {};  // one per layer; empty: all as LayerConfig's defaults
  NormPlacement norm_placement = NormPlacement::kPre;
  QkNorm qk_norm = QkNorm::kNone;
  Activation activation = Activation::kSilu;
  bool qkv_bias = false;
  bool attention_out_bias = false;
  double embedding_multiplier = 1.0;  // of token embeddings; look-ahead embeddings enter as they are
  double residual_multiplier = 1.0;   // of what a block adds
  double attention_scale = 0.0;       // of a query and key's product; 0: 1 / sqrt(head_dim)
  std::optional<QueryScaling> query_scaling = std::nullopt;
  double attention_softcap = 0.0;  // cap c: scores become c tanh(score / c); 0: none
  double logits_multiplier = 1.0;
  double logits_softcap = 0.0;   // as attention_softcap
  bool tied_embeddings = false;  // lm_head is the embedding table

  LayerConfig layer(int index) const {
    return layers.empty() ? LayerConfig() : layers[static_cast<size_t>(index)];
  }
  int rotated_dim() const { return rotary_dim > 0 ? rotary_dim : head_dim; }
};

}  // namespace pass
