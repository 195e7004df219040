#include "core/decode/accept.h"

#include <cstddef>

namespace pass {

bool Accept(double u, double p, double q) { return u * q < p; }

Distribution Residual(const Distribution& p, const Distribution& q) {
  Distribution residual;
  double sum = 0.0;
  size_t j = 0;  // into q: ids ascend in both
  for (size_t i = 0; i < p.ids.size(); ++i) {
    while (j < q.ids.size() && q.ids[j] < p.ids[i]) ++j;
    const bool in_q = j < q.ids.size() && q.ids[j] == p.ids[i];
    const float difference = p.probabilities[i] - (in_q ? q.probabilities[j] : 0.0f);
    if (difference <= 0.0f) continue;
    residual.ids.push_back(p.ids[i]);
    residual.probabilities.push_back(difference);
    sum += difference;
  }
  if (residual.empty()) return p;
  for (float& probability : residual.probabilities) probability = static_cast<float>(probability / sum);
  return residual;
}

}  // namespace pass
