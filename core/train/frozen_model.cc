#include "core/train/frozen_model.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "core/model/rope.h"
#include "core/train/row_attention.h"

namespace pass {
namespace {

struct Heads {
  at::Tensor query, keys, values;  // [rows, heads or kv_heads, head_dim]
};

Heads Split(const at::Tensor& qkv, const LlamaConfig& config) {
  const int64_t rows = qkv.size(0), dim = config.head_dim;
  const int64_t q = config.num_heads * dim, kv = config.num_kv_heads * dim;
  const std::vector<at::Tensor> parts = qkv.split_with_sizes({q, kv, kv}, 1);
  return {parts[0].reshape({rows, config.num_heads, dim}), parts[1].reshape({rows, config.num_kv_heads, dim}),
          parts[2].reshape({rows, config.num_kv_heads, dim})};
}

// x W^T, plus the low-rank part where there is one.
at::Tensor Product(const at::Tensor& x, const at::Tensor& weight, const LowRankTensors* low_rank) {
  const at::Tensor y = at::linear(x, weight);
  if (low_rank == nullptr) return y;
  return at::addmm(y, at::linear(x, low_rank->a), low_rank->b.t());
}

at::Tensor SwiGluOf(const at::Tensor& gate_up) {
  const std::vector<at::Tensor> parts = gate_up.chunk(2, 1);
  return at::silu(parts[0]) * parts[1];
}

}  // namespace

FrozenModel::FrozenModel(const LlamaConfig& config, LlamaTensors tensors)
    : config_(config),
      tensors_(std::move(tensors)),
      rope_(MakeRopeTables(config, tensors_.embedding.device())),
      wide_(compute_type() == at::kDouble ? at::kDouble : at::kFloat) {}

at::Tensor FrozenModel::Norm(const at::Tensor& residual, const at::Tensor& weight) const {
  const at::Tensor scale = at::rsqrt(residual.square().mean(-1, /*keepdim=*/true) + config_.rms_epsilon);
  return (residual * scale * weight).to(compute_type());
}

// Half-split rotation (rope.h); in fp32, back in the compute type.
at::Tensor FrozenModel::Rotate(const at::Tensor& heads, const at::Tensor& positions) const {
  const at::Tensor cos = rope_.cos.index_select(0, positions).unsqueeze(1).to(wide_);
  const at::Tensor sin = rope_.sin.index_select(0, positions).unsqueeze(1).to(wide_);
  const std::vector<at::Tensor> halves = heads.to(wide_).chunk(2, -1);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1)
      .to(compute_type());
}

Teacher FrozenModel::Teach(std::span<const TokenId> window) const {
  const at::NoGradGuard no_grad;
  const auto num_tokens = static_cast<int64_t>(window.size());
  const at::Device device = tensors_.embedding.device();
  const at::Tensor ids = at::tensor(std::vector<int64_t>(window.begin(), window.end())).to(device);
  const at::Tensor positions = at::arange(num_tokens, at::TensorOptions().dtype(at::kLong).device(device));
  const int64_t repeat = config_.num_heads / config_.num_kv_heads;
  const auto by_head = [](const at::Tensor& rows) { return rows.transpose(0, 1).contiguous(); };

  Teacher teacher;
  at::Tensor residual = tensors_.embedding.index_select(0, ids).to(wide_);
  for (const LayerTensors& w : tensors_.layers) {
    Heads heads = Split(at::linear(Norm(residual, w.attention_norm), w.qkv), config_);
    const at::Tensor query = by_head(Rotate(heads.query, positions));
    teacher.keys.push_back(by_head(Rotate(heads.keys, positions)));
    teacher.values.push_back(by_head(heads.values));
    const at::Tensor attended = at::scaled_dot_product_attention(
        query.unsqueeze(0), teacher.keys.back().repeat_interleave(repeat, 0).unsqueeze(0),
        teacher.values.back().repeat_interleave(repeat, 0).unsqueeze(0), /*attn_mask=*/{}, /*dropout_p=*/0.0,
        /*is_causal=*/true);
    residual =
        residual + at::linear(attended.squeeze(0).transpose(0, 1).reshape({num_tokens, -1}), w.attention_out);
    residual = residual + at::linear(SwiGluOf(at::linear(Norm(residual, w.ffn_norm), w.gate_up)), w.down);
  }
  teacher.logits = at::linear(Norm(residual, tensors_.final_norm), tensors_.lm_head);
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
  const at::Tensor positions = at::tensor(places).to(device);
  const RowAttention attention(rows, teacher.keys.front().size(1), compute_type(), device);

  at::Tensor residual = parameters.embeddings.index_select(0, at::tensor(tokens).to(device)).to(wide_);
  for (int layer = 0; layer < config_.num_layers; ++layer) {
    const LayerTensors& w = tensors_.layers[layer];
    const auto adapter = [&](LayerLinear linear) {
      return parameters.adapter.empty() ? nullptr : &parameters.adapter[layer][linear];
    };
    const Heads heads = Split(Product(Norm(residual, w.attention_norm), w.qkv, adapter(kQkv)), config_);
    const at::Tensor attended =
        attention.Attend(Rotate(heads.query, positions), Rotate(heads.keys, positions), heads.values,
                         teacher.keys[layer], teacher.values[layer]);
    residual = residual + Product(attended, w.attention_out, adapter(kAttentionOut));
    const at::Tensor gate_up = Product(Norm(residual, w.ffn_norm), w.gate_up, adapter(kGateUp));
    residual = residual + Product(SwiGluOf(gate_up), w.down, adapter(kDown));
  }
  return Norm(residual, tensors_.final_norm);
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
