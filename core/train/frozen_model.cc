#include "core/train/frozen_model.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <optional>
#include <utility>

#include "core/model/rope.h"
#include "core/train/row_attention.h"

namespace pass {
namespace {

// x W^T + b, plus the low-rank part where there is one.
at::Tensor Product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   const LowRankTensors* low_rank) {
  at::Tensor y = at::linear(x, weight);
  if (bias.defined()) y = y + bias.to(y.scalar_type());
  if (low_rank == nullptr) return y;
  return at::addmm(y, at::linear(x, low_rank->a), low_rank->b.t());
}

// 0 where token i reads token j, else far below 0: [T, T].
at::Tensor WindowMask(int64_t num_tokens, int32_t window, const at::TensorOptions& options) {
  const at::Tensor allowed = at::ones({num_tokens, num_tokens}, options).tril();
  const at::Tensor mask = window > 0 ? allowed.triu(1 - window) : allowed;
  return (mask - 1.0) * 1e30;
}

}  // namespace

FrozenModel::FrozenModel(const ModelConfig& config, ModelTensors tensors)
    : config_(config),
      tensors_(std::move(tensors)),
      ropes_(MakeRopeTablesOfLayers(config, tensors_.embedding.device())),
      wide_(compute_type() == at::kDouble ? at::kDouble : at::kFloat) {}

at::Tensor FrozenModel::Norm(const at::Tensor& x, const at::Tensor& weight) const {
  if (!weight.defined()) return x.to(compute_type());
  const at::Tensor wide = x.to(wide_);
  const at::Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + config_.rms_epsilon);
  return (wide * scale * weight).to(compute_type());
}

// Half-split rotation (rope.h) of the leading elements, in `wide_`.
at::Tensor FrozenModel::Rotate(const at::Tensor& heads, int layer, const at::Tensor& positions) const {
  const RopeTables& rope = ropes_[layer];
  const at::Tensor wide = heads.to(wide_);
  if (!rope.cos.defined()) return wide;
  const at::Tensor cos = rope.cos.index_select(0, positions).unsqueeze(1).to(wide_);
  const at::Tensor sin = rope.sin.index_select(0, positions).unsqueeze(1).to(wide_);
  const int64_t half = cos.size(-1), dim = wide.size(-1);
  const at::Tensor first = wide.narrow(-1, 0, half), second = wide.narrow(-1, half, half);
  return at::cat(
      {first * cos - second * sin, second * cos + first * sin, wide.narrow(-1, 2 * half, dim - 2 * half)},
      -1);
}

FrozenModel::Heads FrozenModel::Split(const at::Tensor& qkv, int layer, const at::Tensor& positions) const {
  const LayerTensors& w = tensors_.layers[layer];
  const int64_t rows = qkv.size(0), dim = config_.head_dim;
  const int64_t q = config_.num_heads * dim, kv = config_.num_kv_heads * dim;
  const std::vector<at::Tensor> parts = qkv.split_with_sizes({q, kv, kv}, 1);
  // Normed by segments as wide as the weight: each head, or all of them.
  const auto normed = [&](const at::Tensor& part, const at::Tensor& weight, int64_t heads) {
    if (!weight.defined()) return part.reshape({rows, heads, dim});
    return Norm(part.reshape({rows, part.size(1) / weight.size(0), weight.size(0)}), weight)
        .reshape({rows, heads, dim});
  };
  const HeadShape shape{.head_dim = config_.head_dim, .scale = config_.attention_scale};
  at::Tensor query = Rotate(normed(parts[0], w.q_norm, config_.num_heads), layer, positions);
  if (ropes_[layer].query_scales.defined()) {
    query = query * ropes_[layer].query_scales.index_select(0, positions).view({rows, 1, 1}).to(wide_);
  }
  return {
      .query = (query * shape.score_scale()).to(compute_type()),
      .keys = Rotate(normed(parts[1], w.k_norm, config_.num_kv_heads), layer, positions).to(compute_type()),
      .values = parts[2].reshape({rows, config_.num_kv_heads, dim})};
}

at::Tensor FrozenModel::Gated(const at::Tensor& gate_up) const {
  const std::vector<at::Tensor> parts = gate_up.chunk(2, 1);
  const bool silu = config_.activation == Activation::kSilu;
  return (silu ? at::silu(parts[0]) : at::gelu(parts[0], "tanh")) * parts[1];
}

at::Tensor FrozenModel::Layers(at::Tensor residual, const at::Tensor& positions,
                               const LookaheadParameters* parameters, const Attend& attend) const {
  const auto add = [&](const at::Tensor& delta, const at::Tensor& post_norm) {
    residual =
        at::add(residual, post_norm.defined() ? Norm(delta, post_norm) : delta, config_.residual_multiplier);
  };
  for (int layer = 0; layer < config_.num_layers; ++layer) {
    const LayerTensors& w = tensors_.layers[layer];
    const auto adapter = [&](LayerLinear linear) {
      return parameters == nullptr || parameters->adapter.empty() ? nullptr
                                                                  : &parameters->adapter[layer][linear];
    };
    const at::Tensor qkv = Product(Norm(residual, w.attention_norm), w.qkv, w.qkv_bias, adapter(kQkv));
    const at::Tensor attended = attend(layer, Split(qkv, layer, positions));
    add(Product(attended, w.attention_out, w.attention_out_bias, adapter(kAttentionOut)),
        w.attention_post_norm);
    const at::Tensor gate_up = Product(Norm(residual, w.ffn_norm), w.gate_up, {}, adapter(kGateUp));
    add(Product(Gated(gate_up), w.down, {}, adapter(kDown)), w.ffn_post_norm);
  }
  return Norm(residual, tensors_.final_norm);
}

at::Tensor FrozenModel::AttendToWindow(const at::Tensor& query, const at::Tensor& keys,
                                       const at::Tensor& values, int32_t window) const {
  const int64_t num_tokens = query.size(1), repeat = config_.num_heads / config_.num_kv_heads;
  const at::Tensor all_keys = keys.repeat_interleave(repeat, 0),
                   all_values = values.repeat_interleave(repeat, 0);
  at::Tensor attended;
  if (config_.attention_softcap > 0) {
    const double cap = config_.attention_softcap;
    const at::Tensor scores = at::tanh(at::bmm(query, all_keys.transpose(1, 2)).to(wide_) / cap) * cap;
    const at::Tensor masked = scores + WindowMask(num_tokens, window, scores.options());
    attended = at::bmm(at::softmax(masked, -1).to(compute_type()), all_values);
  } else {
    std::optional<at::Tensor> mask;
    if (window > 0) mask = WindowMask(num_tokens, window, query.options());
    attended =
        at::scaled_dot_product_attention(query.unsqueeze(0), all_keys.unsqueeze(0), all_values.unsqueeze(0),
                                         mask, /*dropout_p=*/0.0, /*is_causal=*/window == 0, /*scale=*/1.0)
            .squeeze(0);
  }
  return attended.transpose(0, 1).reshape({num_tokens, -1});
}

Teacher FrozenModel::Teach(std::span<const TokenId> window) const {
  const at::NoGradGuard no_grad;
  const auto num_tokens = static_cast<int64_t>(window.size());
  const at::Device device = tensors_.embedding.device();
  const at::Tensor ids = at::tensor(std::vector<int64_t>(window.begin(), window.end())).to(device);
  const at::Tensor positions = at::arange(num_tokens, at::TensorOptions().dtype(at::kLong).device(device));
  const auto by_head = [](const at::Tensor& rows) { return rows.transpose(0, 1).contiguous(); };

  Teacher teacher;
  const auto attend = [&](int layer, const Heads& heads) {
    teacher.keys.push_back(by_head(heads.keys));
    teacher.values.push_back(by_head(heads.values));
    return AttendToWindow(by_head(heads.query), teacher.keys.back(), teacher.values.back(),
                          config_.layer(layer).window);
  };
  at::Tensor embedded = tensors_.embedding.index_select(0, ids).to(wide_);
  if (config_.embedding_multiplier != 1.0) embedded = embedded * config_.embedding_multiplier;
  teacher.logits = at::linear(Layers(embedded, positions, nullptr, attend), tensors_.lm_head);
  if (config_.logits_softcap > 0) {
    teacher.logits = at::tanh(teacher.logits / config_.logits_softcap) * config_.logits_softcap;
  }
  return teacher;
}

at::Tensor FrozenModel::LookaheadRows(const Teacher& teacher, std::span<const GroupRow> rows,
                                      const LookaheadParameters& parameters) const {
  const at::Device device = tensors_.embedding.device();
  std::vector<int64_t> tokens, places;
  for (const GroupRow& row : rows) {
    tokens.push_back(row.k - 1);
    places.push_back(row.position());
  }
  std::map<int32_t, RowAttention> attentions;  // by window
  const auto attend = [&](int layer, const Heads& heads) {
    const int32_t window = config_.layer(layer).window;
    const auto attention = attentions
                               .try_emplace(window, rows, teacher.keys.front().size(1), window,
                                            config_.attention_softcap, compute_type(), device)
                               .first;
    return attention->second.Attend(heads.query, heads.keys, heads.values, teacher.keys[layer],
                                    teacher.values[layer]);
  };
  const at::Tensor embedded = parameters.embeddings.index_select(0, at::tensor(tokens).to(device)).to(wide_);
  return Layers(embedded, at::tensor(places).to(device), &parameters, attend);
}

at::Tensor FrozenModel::HeadStep(const at::Tensor& states, const at::Tensor& previous_ids,
                                 const LookaheadParameters& parameters) const {
  const at::Tensor previous = tensors_.embedding.index_select(0, previous_ids);
  const at::Tensor input =
      at::cat({states * (1 / parameters.state_rms), previous * (1 / parameters.embedding_rms)}, 1);
  const at::Tensor hidden = at::silu(at::linear(input, parameters.w1));
  return states + at::linear(hidden, parameters.w2);
}

}  // namespace pass
