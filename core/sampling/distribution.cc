#include "core/sampling/distribution.h"

#include <algorithm>

namespace pass {

float Distribution::ProbabilityOf(TokenId id) const {
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  if (found == ids.end() || *found != id) return 0.0f;
  return probabilities[found - ids.begin()];
}

}  // namespace pass
