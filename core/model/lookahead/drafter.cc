#include "core/model/lookahead/drafter.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/draft_kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/to_tensor.h"

namespace pass {
namespace {

constexpr int64_t kFirstSlots = 64;

Proposal Normalised(Shortlist best, DraftHandle next) {
  kernels::DraftsForThisCpu<float>().log_softmax(best.scores.data(),
                                                 static_cast<int64_t>(best.scores.size()));
  return {.ids = std::move(best.ids), .log_probabilities = std::move(best.scores), .next = next};
}

}  // namespace

Drafter::Drafter(int64_t vocab_size, int shortlist_size, std::unique_ptr<DraftHead> head)
    : vocab_size_(vocab_size), shortlist_size_(shortlist_size), head_(std::move(head)) {}

int64_t Drafter::KeepState(const at::Tensor& states, int64_t row) {
  const int64_t slot = store_.TakeSlot();
  if (!states_.defined()) states_ = at::empty({kFirstSlots, states.size(1)}, states.options());
  if (slot >= states_.size(0)) states_ = at::cat({states_, at::empty_like(states_)});
  states_.select(0, slot).copy_(states.select(0, row));
  return slot;
}

DraftHandle Drafter::Keep(SequenceId id, Shortlist shortlist, const at::Tensor& states, int64_t row) {
  KeptDraft draft{.shortlist = std::make_shared<const Shortlist>(std::move(shortlist))};
  if (head_) draft.slot = KeepState(states, row);
  return store_.Add(id, std::move(draft));
}

void Drafter::Append(SequenceId id, std::span<const TokenId> tokens) {
  if (head_) store_.Append(id, tokens);
}

absl::Status Drafter::Check(const ProposalRequest& request) const {
  if (store_.Find(request.sequence, request.handle) == nullptr) {
    return absl::InternalError(
        absl::StrCat("sequence ", request.sequence, " has no drafts ", request.handle));
  }
  if (request.previous < 0 || request.previous >= vocab_size_) {
    return absl::InternalError("a proposal behind a token outside the embedding table");
  }
  return absl::OkStatus();
}

size_t Drafter::CandidatesFor(const ProposalRequest& request, const KeptDraft& draft,
                              std::vector<Candidates>& all) const {
  const Shortlist* shortlist = draft.shortlist.get();
  for (size_t i = all.size(); i-- > 0;) {
    if (all[i].shortlist == shortlist && all[i].recurrent == draft.recurrent) return i;
  }
  Candidates candidates{request.sequence, shortlist, draft.recurrent, shortlist->ids};
  if (draft.recurrent) {
    std::ranges::sort(candidates.ids);
    std::vector<TokenId> joined;
    std::ranges::set_union(candidates.ids, store_.Recent(request.sequence), std::back_inserter(joined));
    candidates.ids.clear();
    std::ranges::set_difference(joined, head_->frequent_tokens(), std::back_inserter(candidates.ids));
    candidates.ids.insert(candidates.ids.end(), head_->frequent_tokens().begin(),
                          head_->frequent_tokens().end());
  }
  all.push_back(std::move(candidates));
  return all.size() - 1;
}

at::Tensor Drafter::Advance(std::span<const ProposalRequest> requests, std::span<const Job> jobs) const {
  std::vector<int64_t> slots;
  std::vector<TokenId> previous;
  for (const Job& job : jobs) slots.push_back(job.draft.slot);
  for (const ProposalRequest& request : requests) previous.push_back(request.previous);
  return head_->Advance(RowsOf(states_, std::span<const int64_t>(slots)), previous);
}

void Drafter::Score(const at::Tensor& states, std::span<const Candidates> candidates,
                    std::span<Job> jobs) const {
  std::vector<DraftHead::ScoreTask> tasks;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const std::span<const TokenId> ids = candidates[jobs[i].candidates].ids;
    jobs[i].scores.resize(ids.size());
    const size_t own = ids.size() - (jobs[i].draft.recurrent ? head_->frequent_tokens().size() : 0);
    const std::span<float> scores = jobs[i].scores;
    tasks.push_back({.state = static_cast<int64_t>(i),
                     .ids = ids.first(own),
                     .out = scores.first(own),
                     .frequent_out = scores.subspan(own)});
  }
  head_->Score(states, tasks);
}

absl::StatusOr<std::vector<Proposal>> Drafter::Propose(std::span<const ProposalRequest> requests) {
  std::vector<Proposal> proposals(requests.size());
  std::vector<Job> jobs(requests.size());
  std::vector<Candidates> candidates;
  for (size_t i = 0; i < requests.size(); ++i) {
    PASS_RETURN_IF_ERROR(Check(requests[i]));
    jobs[i].draft = *store_.Find(requests[i].sequence, requests[i].handle);
    if (!head_) {
      proposals[i] = Normalised(*jobs[i].draft.shortlist, /*next=*/0);
    } else {
      jobs[i].candidates = CandidatesFor(requests[i], jobs[i].draft, candidates);
    }
  }
  if (!head_ || requests.empty()) return proposals;

  const at::Tensor states = Advance(requests, jobs);
  Score(states, candidates, jobs);
  for (size_t i = 0; i < jobs.size(); ++i) {
    proposals[i].next = store_.Add(requests[i].sequence, {.shortlist = jobs[i].draft.shortlist,
                                                          .slot = KeepState(states, static_cast<int64_t>(i)),
                                                          .recurrent = true});
  }
  ParallelFor(0, static_cast<int64_t>(jobs.size()), /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const std::vector<TokenId>& ids = candidates[jobs[i].candidates].ids;
      proposals[i] = Normalised(BestTokens(ids, jobs[i].scores, shortlist_size_), proposals[i].next);
    }
  });
  return proposals;
}

}  // namespace pass
