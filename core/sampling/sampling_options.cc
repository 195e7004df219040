#include "core/sampling/sampling_options.h"

namespace pass {

std::vector<OptionViolation> SamplingOptions::Validate() const {
  std::vector<OptionViolation> violations;
  // Written so that a NaN, which compares false with everything, is a violation too.
  if (!(temperature >= 0.0 && temperature <= kMaxTemperature)) {
    violations.push_back({"temperature", "must be a number from 0 to 100"});
  }
  if (top_k < 0) violations.push_back({"top_k", "must be 0 (off) or above"});
  if (!(top_p > 0.0 && top_p <= 1.0)) {
    violations.push_back({"top_p", "must be a number above 0 and at most 1"});
  }
  if (!(min_p >= 0.0 && min_p <= 1.0)) {
    violations.push_back({"min_p", "must be a number from 0 to 1"});
  }
  return violations;
}

}  // namespace pass
