#include "core/train/optimizer.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pass {

Optimizer::Optimizer(LookaheadParameters parameters, const LearningRates& rates)
    : parameters_(std::move(parameters)), rates_(rates) {
  for (const auto& [name, master] : parameters_.Named()) {
    names_.push_back(name);
    later_rates_.push_back(name == "lookahead.embeddings" ? rates_.embeddings_later
                           : name == "head.w1"            ? rates_.head_in
                           : name == "head.w2"            ? rates_.head_out
                                                          : rates_.adapter);
    masters_.push_back(master);
    first_moments_.push_back(at::zeros_like(master));
    second_moments_.push_back(at::zeros_like(master));
  }
}

double Optimizer::Step(std::vector<at::Tensor> gradients, double progress) {
  const at::NoGradGuard no_grad;
  double square = 0;
  for (const at::Tensor& gradient : gradients) square += gradient.square().sum().item().toDouble();
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) return norm;
  if (norm > 1) {
    for (at::Tensor& gradient : gradients) gradient.mul_(1 / norm);
  }
  const double warm_up = std::min(1.0, static_cast<double>(steps_ + 1) / rates_.warm_up_steps);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::clamp(progress, 0.0, 1.0)));
  const double factor = warm_up * (rates_.last_fraction + (1 - rates_.last_fraction) * cosine);
  const bool first_steps = masters_.size() == 1 || steps_ < rates_.embedding_steps;
  ++steps_;
  for (size_t i = 0; i < masters_.size(); ++i) {
    at::_fused_adam_({masters_[i]}, {gradients[i]}, {first_moments_[i]}, {second_moments_[i]}, {},
                     {at::full({}, static_cast<double>(steps_), at::kFloat)},
                     factor * (i == 0 && first_steps ? rates_.embeddings : later_rates_[i]), /*beta1=*/0.9,
                     /*beta2=*/0.98,
                     /*weight_decay=*/0, /*eps=*/1e-8, /*amsgrad=*/false, /*maximize=*/false);
  }
  return norm;
}

std::vector<std::pair<std::string, at::Tensor>> Optimizer::State() const {
  std::vector<std::pair<std::string, at::Tensor>> state;
  for (size_t i = 0; i < masters_.size(); ++i) {
    state.emplace_back(names_[i], masters_[i]);
    state.emplace_back(names_[i] + ".first_moment", first_moments_[i]);
    state.emplace_back(names_[i] + ".second_moment", second_moments_[i]);
  }
  return state;
}

}  // namespace pass
