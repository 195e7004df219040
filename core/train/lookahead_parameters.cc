#include "core/train/lookahead_parameters.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/lookahead/lookahead_tensors.h"

namespace pass {
namespace {

Bf16Matrix ToMatrix(const at::Tensor& tensor) {
  const at::Tensor rounded = tensor.detach().to(at::kCPU).to(at::kBFloat16).contiguous();
  Bf16Matrix matrix{.rows = rounded.size(0), .columns = rounded.size(1), .values = {}};
  matrix.values.resize(static_cast<size_t>(rounded.numel()));
  std::memcpy(matrix.values.data(), rounded.data_ptr(), matrix.values.size() * sizeof(uint16_t));
  return matrix;
}

double Rms(const at::Tensor& tensor) {
  return tensor.to(at::kFloat).square().mean().sqrt().item().toDouble();
}

// w1 with its columns for the state and for the embedding times these.
at::Tensor ScaleHalves(const at::Tensor& w1, double state, double embedding) {
  const std::vector<at::Tensor> halves = w1.detach().chunk(2, 1);
  return at::cat({halves[0] * state, halves[1] * embedding}, 1);
}

// What was read becomes the first rows and columns of `tensor`.
absl::Status Replace(const std::string& name, const at::Tensor& read, const at::Tensor& tensor) {
  if (read.size(0) > tensor.size(0) || read.size(1) > tensor.size(1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--init: its ", name, " is [", read.size(0), ", ", read.size(1), "], wanted is [", tensor.size(0),
        ", ", tensor.size(1), "]; use at least its --adapter-rank and --head-hidden, or 0"));
  }
  tensor.narrow(0, 0, read.size(0)).narrow(1, 0, read.size(1)).copy_(read);
  return absl::OkStatus();
}

}  // namespace

at::Tensor ToTensor(const Bf16Matrix& matrix) {
  at::Tensor tensor = at::empty({matrix.rows, matrix.columns}, at::kBFloat16);
  std::memcpy(tensor.data_ptr(), matrix.values.data(), matrix.values.size() * sizeof(uint16_t));
  return tensor.to(at::kFloat);
}

std::vector<std::pair<std::string, at::Tensor>> LookaheadParameters::Named() const {
  constexpr const char* kNames[kNumLayerLinears] = {"qkv", "attention_out", "gate_up", "down"};
  std::vector<std::pair<std::string, at::Tensor>> named = {{"lookahead.embeddings", embeddings}};
  for (size_t layer = 0; layer < adapter.size(); ++layer) {
    for (int linear = 0; linear < kNumLayerLinears; ++linear) {
      const std::string name = absl::StrCat("adapter.", layer, ".", kNames[linear]);
      named.emplace_back(name + ".a", adapter[layer][linear].a);
      named.emplace_back(name + ".b", adapter[layer][linear].b);
    }
  }
  if (has_head()) {
    named.emplace_back("head.w1", w1);
    named.emplace_back("head.w2", w2);
  }
  return named;
}

LookaheadParameters LookaheadParameters::Leaves(const at::TensorOptions& compute) const {
  const auto leaf = [](const at::Tensor& master, const at::TensorOptions& options) {
    return master.detach().to(options, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
  };
  LookaheadParameters leaves;
  leaves.embeddings = leaf(embeddings, compute.dtype() == at::kDouble ? compute : compute.dtype(at::kFloat));
  for (const auto& layer : adapter) {
    auto& copy = leaves.adapter.emplace_back();
    for (int i = 0; i < kNumLayerLinears; ++i) {
      copy[i] = {leaf(layer[i].a, compute), leaf(layer[i].b, compute)};
    }
  }
  if (has_head()) {
    leaves.w1 = leaf(w1, compute);
    leaves.w2 = leaf(w2, compute);
    leaves.state_rms = state_rms;
    leaves.embedding_rms = embedding_rms;
  }
  return leaves;
}

LookaheadParameters InitialParameters(const ModelConfig& config, const ParameterSizes& sizes,
                                      const ModelTensors& model, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto random = [&](int64_t rows, int64_t columns, double scale) {
    return at::randn({rows, columns}, generator, at::kFloat).mul_(scale);
  };
  const int64_t width = config.width, rank = sizes.adapter_rank, hidden = sizes.head_hidden;
  LookaheadParameters parameters;
  parameters.embeddings = model.embedding.to(at::kCPU).to(at::kFloat).mean(0, /*keepdim=*/true) +
                          random(sizes.lookahead, width, 0.02);
  parameters.embeddings.mul_(config.embedding_multiplier);  // to what tokens enter the layers as
  const auto linears = AdaptedLinears(config);
  for (int layer = 0; rank > 0 && layer < config.num_layers; ++layer) {
    auto& tensors = parameters.adapter.emplace_back();
    for (int i = 0; i < kNumLayerLinears; ++i) {
      const int64_t in = linears[i].in;
      tensors[i] = {random(rank, in, 1.0 / std::sqrt(static_cast<double>(in))),
                    at::zeros({linears[i].out, rank}, at::kFloat)};
    }
  }
  if (hidden > 0) {
    parameters.w1 = random(hidden, 2 * width, 1.0 / std::sqrt(2.0 * static_cast<double>(width)));
    parameters.w2 = at::zeros({width, hidden}, at::kFloat);
    parameters.state_rms = Rms(model.final_norm);
    parameters.embedding_rms = Rms(model.embedding);
  }
  return parameters;
}

absl::Status TakeOver(const LookaheadTokens& file, const ModelConfig& config,
                      LookaheadParameters& parameters) {
  const int64_t width = parameters.embeddings.size(1), learned = file.facts.num_lookahead;
  for (int64_t row = 0; row < parameters.embeddings.size(0); ++row) {
    const int64_t from = std::min(row, learned - 1);
    std::memcpy(parameters.embeddings[row].data_ptr<float>(), file.embeddings.data() + from * width,
                static_cast<size_t>(width) * sizeof(float));
  }
  if (!parameters.adapter.empty() && !file.adapter.empty()) {
    const auto linears = AdaptedLinears(config);
    for (size_t layer = 0; layer < parameters.adapter.size(); ++layer) {
      for (int i = 0; i < kNumLayerLinears; ++i) {
        LowRankTensors& to = parameters.adapter[layer][i];
        const LowRank& from = file.adapter[layer].*linears[i].adapter;
        PASS_RETURN_IF_ERROR(Replace("adapter", ToTensor(from.a), to.a));
        PASS_RETURN_IF_ERROR(Replace("adapter", ToTensor(from.b), to.b));
      }
    }
  }
  if (parameters.has_head() && file.head.has_value()) {
    PASS_RETURN_IF_ERROR(Replace(
        "head.w1", ScaleHalves(ToTensor(file.head->w1), parameters.state_rms, parameters.embedding_rms),
        parameters.w1));
    PASS_RETURN_IF_ERROR(Replace("head.w2", ToTensor(file.head->w2), parameters.w2));
  }
  return absl::OkStatus();
}

LookaheadTokens ToFile(const LookaheadParameters& parameters, const ModelConfig& config, LookaheadFacts facts,
                       std::vector<int32_t> frequent_tokens) {
  LookaheadTokens file;
  const at::Tensor embeddings = parameters.embeddings.detach().to(at::kCPU).to(at::kFloat).contiguous();
  facts.num_lookahead = embeddings.size(0);
  file.facts = std::move(facts);
  file.embeddings.assign(embeddings.data_ptr<float>(), embeddings.data_ptr<float>() + embeddings.numel());
  const auto linears = AdaptedLinears(config);
  for (const auto& layer : parameters.adapter) {
    LayerAdapter& written = file.adapter.emplace_back();
    for (int i = 0; i < kNumLayerLinears; ++i) {
      written.*linears[i].adapter = {ToMatrix(layer[i].a), ToMatrix(layer[i].b)};
    }
  }
  if (parameters.has_head()) {
    file.head = LookaheadHead{
        ToMatrix(ScaleHalves(parameters.w1, 1 / parameters.state_rms, 1 / parameters.embedding_rms)),
        ToMatrix(parameters.w2), std::move(frequent_tokens)};
  }
  return file;
}

}  // namespace pass
