// The acceptance rule of speculative sampling: it turns a draft from q into a token distributed as p,
// exactly. Pure functions; the noise comes in as an argument.
//
// Source: Leviathan, Kalman, Matias (arXiv 2211.17192), section 2.3 and appendix A.1; Chen et al. (arXiv
// 2302.01318), Algorithm 2; in PaSS (arXiv 2311.13581) the test of Algorithm 1.
#pragma once

#include "core/sampling/distribution.h"

namespace pass {

// Whether a draft with probability `q` under the distribution that it was drawn from (so q > 0) and
// probability `p` under the target is kept: with probability min(1, p / q) over `u`, uniform in [0, 1). A
// draft with p = 0 is never kept.
bool Accept(double u, double p, double q);

// What the token is drawn from after a rejection: the positive part of p - q over all of p's support,
// normalised. If rounding leaves nothing of it, p itself.
Distribution Residual(const Distribution& p, const Distribution& q);

// The rule as `pass` uses it. Another one gives another distribution: the tests show that they notice.
struct AcceptanceRule {
  bool (*accept)(double u, double p, double q) = Accept;
  Distribution (*residual)(const Distribution& p, const Distribution& q) = Residual;
};

}  // namespace pass
