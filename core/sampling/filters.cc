#include "core/sampling/filters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/check.h"

namespace pass {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kSmallestLogWeight = -87.0f;

struct Candidate {
  TokenId id;
  float value;  // logit in top_k, weight in top_p
};

// The order of all filters. A heap under this comparison has the worst candidate on top.
bool Better(const Candidate& a, const Candidate& b) {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// One sweep for the maximum and for numbers that are none. Independent lanes, so that the sweep is vector
// code.
absl::StatusOr<float> MaxLogit(std::span<const float> logits) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lane_max;
  lane_max.fill(-kInfinity);
  std::array<int, kLanes> lane_bad = {};
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float x = logits[i + lane];
      lane_max[lane] = x > lane_max[lane] ? x : lane_max[lane];
      lane_bad[lane] |= !(x < kInfinity);  // true for NaN and +infinity
    }
  }
  float max = -kInfinity;
  bool bad = false;
  for (; i < logits.size(); ++i) {
    max = std::max(max, logits[i]);
    bad |= !(logits[i] < kInfinity);
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    max = std::max(max, lane_max[lane]);
    bad |= lane_bad[lane] != 0;
  }
  if (bad) return absl::InternalError("a logit is NaN or infinite");
  if (max == -kInfinity) return absl::InternalError("no logit is finite");
  return max;
}

// The k largest logits, by ascending id. A bounded heap: one comparison a token once it holds good ones.
std::vector<TokenId> TopK(std::span<const float> logits, size_t k) {
  std::vector<Candidate> heap;
  heap.reserve(k);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (heap.size() == k) {
      if (logits[i] <= heap.front().value) continue;  // ids ascend: on a tie the one inside has the lower id
      std::pop_heap(heap.begin(), heap.end(), Better);
      heap.pop_back();
    }
    heap.push_back({static_cast<TokenId>(i), logits[i]});
    std::push_heap(heap.begin(), heap.end(), Better);
  }
  std::vector<TokenId> ids;
  ids.reserve(heap.size());
  for (const Candidate& candidate : heap) ids.push_back(candidate.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Weight = exp((logit - max) / temperature), in (0, 1]: temperature, and top_k if it is on.
Distribution Weights(std::span<const float> logits, float max, const SamplingOptions& options) {
  Distribution weights;
  const float inverse_temperature = static_cast<float>(1.0 / options.temperature);
  const auto append = [&](TokenId id) {
    const float log_weight = (logits[id] - max) * inverse_temperature;
    if (log_weight < kSmallestLogWeight) return;
    weights.ids.push_back(id);
    weights.probabilities.push_back(std::exp(log_weight));
  };
  const size_t k = static_cast<size_t>(options.top_k);
  if (k > 0 && k < logits.size()) {
    for (TokenId id : TopK(logits, k)) append(id);
  } else {
    weights.ids.reserve(logits.size());
    weights.probabilities.reserve(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) append(static_cast<TokenId>(i));
  }
  return weights;
}

double Sum(std::span<const float> weights) {
  double sum = 0.0;
  for (float weight : weights) sum += weight;
  return sum;
}

// Drops every entry for which `keep(id, weight)` is false.
template <typename Keep>
void KeepIf(Distribution& weights, Keep keep) {
  size_t kept = 0;
  for (size_t i = 0; i < weights.ids.size(); ++i) {
    if (!keep(weights.ids[i], weights.probabilities[i])) continue;
    weights.ids[kept] = weights.ids[i];
    weights.probabilities[kept++] = weights.probabilities[i];
  }
  weights.ids.resize(kept);
  weights.probabilities.resize(kept);
}

// The smallest set whose weight reaches top_p of the total.
void KeepTopP(Distribution& weights, double top_p) {
  const double total = Sum(weights.probabilities);
  // Tokens this light weigh less than (1 - top_p) of the total together, so none of them is needed: this
  // leaves a small heap even when the vocabulary is large.
  const double too_light = (1.0 - top_p) * total / static_cast<double>(weights.ids.size());
  std::vector<Candidate> heap;
  for (size_t i = 0; i < weights.ids.size(); ++i) {
    if (weights.probabilities[i] >= too_light) heap.push_back({weights.ids[i], weights.probabilities[i]});
  }
  const auto worse = [](const Candidate& a, const Candidate& b) { return Better(b, a); };
  std::make_heap(heap.begin(), heap.end(), worse);
  double sum = 0.0;
  Candidate last = heap.front();
  while (!heap.empty() && sum < top_p * total) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    last = heap.back();
    heap.pop_back();
    sum += last.value;
  }
  KeepIf(weights, [&](TokenId id, float weight) { return !Better(last, Candidate{id, weight}); });
}

}  // namespace

absl::StatusOr<Distribution> Filter(std::span<const float> logits, const SamplingOptions& options) {
  if (options.greedy()) {
    absl::StatusOr<TokenId> best = Argmax(logits);
    if (!best.ok()) return best.status();
    return Distribution{.ids = {*best}, .probabilities = {1.0f}};
  }
  absl::StatusOr<float> max = MaxLogit(logits);
  if (!max.ok()) return max.status();
  Distribution weights = Weights(logits, *max, options);
  if (options.top_p < 1.0) KeepTopP(weights, options.top_p);
  // The likeliest token is always left, and its weight is exp(0) = 1.
  if (options.min_p > 0.0) KeepIf(weights, [&](TokenId, float weight) { return weight >= options.min_p; });

  const double scale = 1.0 / Sum(weights.probabilities);
  for (float& weight : weights.probabilities) weight = static_cast<float>(weight * scale);
  return weights;
}

// By ascending id the order of indices is that of ids, and ties fall as they do over the whole vocabulary.
absl::StatusOr<Distribution> Filter(std::span<const TokenId> ids, std::span<const float> logits,
                                    const SamplingOptions& options) {
  PASS_CHECK(ids.size() == logits.size());
  std::vector<size_t> order(ids.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return ids[i]; });
  std::vector<float> sorted;
  sorted.reserve(order.size());
  for (size_t i : order) sorted.push_back(logits[i]);
  absl::StatusOr<Distribution> distribution = Filter(sorted, options);
  if (!distribution.ok()) return distribution;
  for (TokenId& id : distribution->ids) id = ids[order[id]];
  return distribution;
}

absl::StatusOr<TokenId> Argmax(std::span<const float> logits) {
  absl::StatusOr<float> max = MaxLogit(logits);
  if (!max.ok()) return max.status();
  return static_cast<TokenId>(std::find(logits.begin(), logits.end(), *max) - logits.begin());
}

}  // namespace pass
