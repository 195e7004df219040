// The acceptance rule of speculative sampling. It turns a draft that was drawn from q into a token that is
// distributed exactly as p. Pure functions: the noise comes in as an argument.
//
// Source: Leviathan, Kalman, Matias (arXiv 2211.17192), section 2.3 and appendix A.1; Chen et al. (arXiv
// 2302.01318), Algorithm 2. In PaSS (arXiv 2311.13581) it is the test of Algorithm 1.
#pragma once

#include "core/sampling/distribution.h"

namespace pass {

// Whether a draft is kept. `q`, above 0: its probability under the distribution that it was drawn from. `p`:
// its probability under the target. With `u` uniform in [0, 1) it is kept with probability min(1, p / q), and
// never if p is 0.
bool Accept(double u, double p, double q);

// The distribution that the token is drawn from after a rejection: the positive part of p - q over all of p's
// support, normalised. If rounding leaves nothing of it, it is p itself.
Distribution Residual(const Distribution& p, const Distribution& q);

// The rule as `pass` uses it. The tests put wrong rules here and show that they notice.
struct AcceptanceRule {
  bool (*accept)(double u, double p, double q) = Accept;
  Distribution (*residual)(const Distribution& p, const Distribution& q) = Residual;
};

}  // namespace pass
