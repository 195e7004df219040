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
  int max_rows = GenerationRequest().max_rows;
  bool text_sources = true;  // as EngineOptions'

  std::string Name() const;  // "plain", "pass L=4", "auto L=8 rows=16 no-text"
};

// A method of the engine; behind a colon and separated by commas what differs from the default: L, which is
// `default_lookahead`, rows=N, and no-text (no drafts from the request's own text). "pass:4",
// "auto:8,rows=16". INVALID_ARGUMENT names what is wrong with it.
absl::StatusOr<Variant> ParseVariant(std::string_view text, int default_lookahead);

struct Sampling {
  std::string name;
  SamplingOptions options;
};

// "greedy", or parts joined by "-": t<temperature>, k<top-k>, p<top-p>, m<min-p>, as in "t0.8-k10".
// INVALID_ARGUMENT names what is wrong with it.
absl::StatusOr<Sampling> ParseSampling(std::string_view text);

}  // namespace pass::bench
