#include "core/train/draft_walk.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/sampling/draft_rank.h"
#include "core/sampling/filters.h"

namespace pass {
namespace {

constexpr int64_t kShortlist = 128;
constexpr int kListed = 32;  // candidates of a token that a tree may hold

std::vector<float> Floats(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kCPU).to(at::kFloat).contiguous();
  return {wide.data_ptr<float>(), wide.data_ptr<float>() + wide.numel()};
}

}  // namespace

DraftWalk::DraftWalk(const FrozenModel& model, const LookaheadParameters& parameters,
                     std::span<const int32_t> frequent_tokens, const OwnText& text, int lookahead)
    : model_(model), parameters_(parameters), text_(text), lookahead_(lookahead) {
  const at::NoGradGuard no_grad;
  // The last anchor is the one whose first draft is the last token.
  const auto last_anchor = static_cast<int32_t>(text.tokens.size()) - 3;
  num_anchors_ = std::max(0, last_anchor - first_anchor() + 1);
  teacher_ = model.Teach(text.tokens);
  hidden_ =
      model.LookaheadRows(teacher_, GroupsBehindAll(first_anchor(), last_anchor, lookahead), parameters);

  ranked_ = text.sampling.greedy() ? SamplingOptions{.temperature = 1.0} : text.sampling;
  for (int32_t position = first_anchor() + 2; position < static_cast<int32_t>(text.tokens.size());
       ++position) {
    absl::StatusOr<Distribution> p = Filter(Floats(teacher_.logits[position - 1]), ranked_);
    targets_.push_back(p.ok() ? *std::move(p) : Distribution{});
  }

  std::set<TokenId> scored(frequent_tokens.begin(), frequent_tokens.end());
  scored.insert(text.tokens.begin(), text.tokens.end());
  const int64_t m = std::min(kShortlist, model.config().vocab_size);
  for (int64_t first = 0; first < hidden_.size(0); first += 256) {
    const at::Tensor rows = hidden_.narrow(0, first, std::min<int64_t>(256, hidden_.size(0) - first));
    const auto [values, ids] = at::linear(rows, model.tensors().lm_head).topk(m, -1);
    const std::vector<float> logits = Floats(values);
    const at::Tensor on_cpu = ids.to(at::kCPU).contiguous();
    const int64_t* id = on_cpu.data_ptr<int64_t>();
    for (int64_t row = 0; row < rows.size(0); ++row, id += m) {
      shortlists_.emplace_back(id, id + m);
      shortlist_logits_.emplace_back(logits.begin() + row * m, logits.begin() + (row + 1) * m);
      for (int64_t i = 0; i < m; ++i) scored.insert(static_cast<TokenId>(id[i]));
    }
  }
  scored_.assign(scored.begin(), scored.end());
  const std::vector<int64_t> wide(scored_.begin(), scored_.end());
  scored_weights_ = model.tensors().lm_head.index_select(0, at::tensor(wide).to(hidden_.device()));
}

// After temperature and filters; with noise where the text was sampled, the noise of the position.
DraftList DraftWalk::Rank(std::span<const TokenId> ids, std::span<const float> logits,
                          int32_t position) const {
  const absl::StatusOr<Distribution> q = Filter(ids, logits, ranked_);
  DraftList list;
  if (!q.ok()) return list;
  const Distribution& p = targets_[position - first_anchor() - 2];
  for (size_t i = 0; i < q->ids.size(); ++i) {
    list.overlap += std::min(q->probabilities[i], p.ProbabilityOf(q->ids[i]));
  }
  const Noise noise(ranked_.seed, ranked_.choice);
  const std::vector<RankedDraft> drafts =
      RankDrafts(*q, text_.sampling.greedy() ? nullptr : &noise, position);
  for (size_t i = 0; i < std::min<size_t>(drafts.size(), kListed); ++i) {
    list.ids.push_back(drafts[i].token);
    list.probabilities.push_back(static_cast<float>(std::exp(drafts[i].log_probability)));
  }
  return list;
}

DraftReplies DraftWalk::Propose(std::span<const DraftRequest> requests, const at::Tensor& states) const {
  const at::NoGradGuard no_grad;
  DraftReplies replies;
  const auto row_of = [&](const DraftRequest& r) { return int64_t{r.anchor} * lookahead_ + r.depth - 1; };
  const auto position_of = [&](const DraftRequest& r) { return first_anchor() + r.anchor + 1 + r.depth; };
  if (!has_head()) {
    for (const DraftRequest& r : requests) {
      replies.lists.push_back(Rank(shortlists_[row_of(r)], shortlist_logits_[row_of(r)], position_of(r)));
    }
    return replies;
  }
  std::vector<int64_t> previous;
  std::vector<at::Tensor> inputs;
  for (size_t i = 0; i < requests.size(); ++i) {
    previous.push_back(requests[i].previous);
    inputs.push_back(requests[i].recurrent ? states[static_cast<int64_t>(i)] : hidden_[row_of(requests[i])]);
  }
  replies.states = model_.HeadStep(at::stack(inputs), at::tensor(previous).to(hidden_.device()), parameters_);
  const std::vector<float> logits = Floats(at::linear(replies.states, scored_weights_));
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::span<const float> all(logits.data() + i * scored_.size(), scored_.size());
    if (requests[i].recurrent) {
      replies.lists.push_back(Rank(scored_, all, position_of(requests[i])));
      continue;
    }
    const std::vector<TokenId>& ids = shortlists_[row_of(requests[i])];
    std::vector<float> listed;
    for (TokenId id : ids)
      listed.push_back(all[std::lower_bound(scored_.begin(), scored_.end(), id) - scored_.begin()]);
    replies.lists.push_back(Rank(ids, listed, position_of(requests[i])));
  }
  return replies;
}

}  // namespace pass
