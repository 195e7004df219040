// What the operator lets a request ask for, and what a request gets where it does not say.
#pragma once

#include <cstdint>

#include "core/engine/request.h"

namespace pass {

struct RequestLimits {
  int64_t max_prompt_bytes = int64_t{1} << 20;  // of a text or a whole chat, before it is tokenised
  Method method = Method::kAuto;                // of a request that names none
  int lookahead = -1;                           // -1: all that are loaded; more than these is as many
  int max_rows = 32;                            // of one request in one forward
};

}  // namespace pass
