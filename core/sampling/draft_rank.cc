#include "core/sampling/draft_rank.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace pass {
namespace {

constexpr double kNoiseShare = 0.7;

}  // namespace

std::vector<RankedDraft> RankDrafts(const Distribution& q, const Noise* noise, int32_t position) {
  std::vector<RankedDraft> drafts;
  drafts.reserve(q.ids.size());
  double sum = 0;
  for (size_t i = 0; i < q.ids.size(); ++i) {
    double score = std::log(double{q.probabilities[i]});
    if (noise != nullptr)
      score += kNoiseShare * noise->Gumbel(position, /*base=*/0, Purpose::kTarget, q.ids[i]);
    drafts.push_back({q.ids[i], score});
    sum += std::exp(score);
  }
  for (RankedDraft& draft : drafts) draft.log_probability -= std::log(sum);
  std::ranges::stable_sort(drafts, std::greater(), &RankedDraft::log_probability);
  return drafts;
}

}  // namespace pass
