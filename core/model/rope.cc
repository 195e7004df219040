#include "core/model/rope.h"

#include <ATen/ops/empty.h>

#include <cmath>
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

}  // namespace

RopeTables MakeRopeTables(const LlamaConfig& config, at::Device device) {
  const int64_t half = config.head_dim / 2;
  std::vector<double> frequencies(half);
  for (int64_t i = 0; i < half; ++i) {
    frequencies[i] = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / config.head_dim);
    if (config.rope_scaling) frequencies[i] = Scaled(frequencies[i], *config.rope_scaling);
    frequencies[i] /= config.rope_linear_factor;
  }
  at::Tensor cos = at::empty({config.context_length, half}, at::kFloat);
  at::Tensor sin = at::empty({config.context_length, half}, at::kFloat);
  float* c = cos.data_ptr<float>();
  float* s = sin.data_ptr<float>();
  for (int64_t position = 0; position < config.context_length; ++position) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) * frequencies[i];
      *c++ = static_cast<float>(std::cos(angle));
      *s++ = static_cast<float>(std::sin(angle));
    }
  }
  return {cos.to(device), sin.to(device)};
}

}  // namespace pass
