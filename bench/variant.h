// What a comparison varies, as its flags spell it: the method, and how tokens are drawn.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/engine/request.h"
#include "core/sampling/sampling_options.h"

namespace pass::bench {

struct Variant {
  Method method = Method::kPlain;
  int lookahead = 0;  // L of the request

  std::string Name() const;  // "plain", "pass L=4", "auto"
};

// "plain", "pass", "pass:4", ...: a method of the engine, and L where it is not `default_lookahead`.
// INVALID_ARGUMENT names what is wrong with it.
absl::StatusOr<Variant> ParseVariant(std::string_view text, int default_lookahead);

struct Sampling {
  std::string name;
  SamplingOptions options;
};

// "greedy", or parts joined by "-": t<temperature>, k<top-k>, p<top-p>, m<min-p>, as in "t0.8-k10".
// INVALID_ARGUMENT names what is wrong with it.
absl::StatusOr<Sampling> ParseSampling(std::string_view text);

}  // namespace pass::bench
