// What a client asks for, after validation and tokenising. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/token_id.h"
#include "core/decode/methods.h"
#include "core/sampling/sampling_options.h"

namespace pass {

inline constexpr int kMostRows = 64;  // rows that a request may have in one forward

struct GenerationRequest {
  std::string id;               // for logs; unique among requests in flight
  std::vector<TokenId> prompt;  // at least one, each in [0, vocab_size)
  SamplingOptions sampling;
  int32_t max_tokens = 0;  // at least 1; prompt + max_tokens fits the context
  std::vector<std::string> stop;
  std::vector<TokenId> stop_ids;  // besides the model's own end-of-sequence ids
  bool include_stop = false;
  bool ignore_eos = false;  // end-of-sequence ids do not end the sequence (stop_ids still do)
  bool skip_special_tokens = true;
  Method method = Method::kAuto;
  int lookahead = 0;  // L of `pass`; the most rows of a group of `tree` and `auto`. At most the model's
  int max_rows = 32;  // rows in a forward of `tree` and `auto`, at most; 1 to kMostRows
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time received = absl::InfinitePast();  // when the call arrived
};

}  // namespace pass
