// The two latest different tokens of those that were added, and whether the latest came twice in a row.
#pragma once

#include "core/base/token_id.h"

namespace pass {

struct LatestTwo {
  TokenId latest = -1;
  TokenId other = -1;  // -1: there was none
  bool repeated = false;

  void Add(TokenId token) {
    repeated = token == latest;
    if (repeated) return;
    other = latest;
    latest = token;
  }
};

}  // namespace pass
