// What is shown of a completion: JSON lines, and the numbers of the final message.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/pass_client.h"

namespace pass {

// What a client has gathered of one stream.
struct Completion {
  std::vector<int32_t> token_ids;
  std::string text;
  v1::Finish finish;

  void Add(const v1::GenerateResponse& message);
};

std::string_view FinishReasonText(v1::FinishReason reason);

// Tokens after the first, over the server's decode seconds: the first token falls out of the last prefill
// forward, where the server starts that clock. The same definition for every method. 0 when there is only one
// token.
double TokensPerSecond(const v1::Finish& finish);

// Emitted tokens over forwards; 1.0 is autoregressive decoding. 0 without forwards.
double TokensPerForward(const v1::Finish& finish);

// {"type":"step",...} of one message, without a newline. Empty for a message that carries the end alone.
std::string StepJson(const v1::GenerateResponse& message);
// {"type":"summary",...}, without a newline.
std::string SummaryJson(const Completion& completion);

// One line for a person, with a newline.
std::string SummaryText(const v1::Finish& finish);

}  // namespace pass
