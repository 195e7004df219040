#include "core/model/rope.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

namespace pass {
namespace {

double Scaled(double frequency, const Llama3RopeScaling& scaling) {
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  const double low_wavelength = scaling.original_context_length / scaling.low_freq_factor;
  const double high_wavelength = scaling.original_context_length / scaling.high_freq_factor;
  if (wavelength < high_wavelength) return frequency;
  if (wavelength > low_wavelength) return frequency / scaling.factor;
  const double smooth = (scaling.original_context_length / wavelength - scaling.low_freq_factor) /
                        (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1.0 - smooth) * frequency / scaling.factor + smooth * frequency;
}

// The share of interpolation in the frequency of pair `i`: 0 for those that turn often, 1 for those that never turn round
// (arXiv 2309.00071, section 3.2; transformers, _compute_yarn_parameters).
double YarnRamp(int64_t i, double theta, int64_t dim, const YarnRopeScaling& yarn) {
  const auto dimension_of = [&](double turns) {
    return static_cast<double>(dim) *
           std::log(yarn.original_context_length / (turns * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(theta));
  };
  double low = dimension_of(yarn.beta_fast), high = dimension_of(yarn.beta_slow);
  if (yarn.whole_bounds) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) high += 0.001;
  return std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
}

std::vector<double> Frequencies(const RopeConfig& rope, int64_t dim) {
  std::vector<double> frequencies(static_cast<size_t>(dim / 2));
  for (int64_t i = 0; i < dim / 2; ++i) {
    double& frequency = frequencies[static_cast<size_t>(i)];
    frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    if (rope.llama3) frequency = Scaled(frequency, *rope.llama3);
    if (rope.yarn) {
      const double ramp = YarnRamp(i, rope.theta, dim, *rope.yarn);
      frequency = frequency / rope.yarn->factor * ramp + frequency * (1.0 - ramp);
    }
    frequency /= rope.linear_factor;
  }
  return frequencies;
}

at::Tensor QueryScales(const QueryScaling& scaling, int32_t context_length) {
  at::Tensor scales = at::empty({context_length}, at::kFloat);
  float* scale = scales.data_ptr<float>();
  for (int32_t position = 0; position < context_length; ++position) {
    const int32_t wraps = position / scaling.original_context_length;
    *scale++ = static_cast<float>(1.0 + scaling.beta * std::log(1.0 + wraps));
  }
  return scales;
}

}  // namespace

RopeTables MakeRopeTables(const ModelConfig& config, int rope, at::Device device) {
  RopeTables tables;
  if (config.query_scaling) {
    tables.query_scales = QueryScales(*config.query_scaling, config.context_length).to(device);
  }
  if (rope == kNoRope) return tables;
  const RopeConfig& of = config.ropes[static_cast<size_t>(rope)];
  const std::vector<double> frequencies = Frequencies(of, config.rotated_dim());
  const double magnitude = of.yarn ? of.yarn->attention_factor : 1.0;
  const auto half = static_cast<int64_t>(frequencies.size());
  at::Tensor cos = at::empty({config.context_length, half}, at::kFloat);
  at::Tensor sin = at::empty({config.context_length, half}, at::kFloat);
  float* c = cos.data_ptr<float>();
  float* s = sin.data_ptr<float>();
  for (int64_t position = 0; position < config.context_length; ++position) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      *c++ = static_cast<float>(std::cos(angle) * magnitude);
      *s++ = static_cast<float>(std::sin(angle) * magnitude);
    }
  }
  tables.cos = cos.to(device);
  tables.sin = sin.to(device);
  return tables;
}

std::vector<RopeTables> MakeRopeTablesOfLayers(const ModelConfig& config, at::Device device) {
  std::map<int, RopeTables> made;
  std::vector<RopeTables> tables;
  for (int layer = 0; layer < config.num_layers; ++layer) {
    const int rope = config.layer(layer).rope;
    if (!made.contains(rope)) made[rope] = MakeRopeTables(config, rope, device);
    tables.push_back(made[rope]);
  }
  return tables;
}

}  // namespace pass
