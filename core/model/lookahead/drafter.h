// Proposals: keeps the drafts that look-ahead rows left behind, and answers LanguageModel::Propose from them.
//
// A row's draft is scored over its own shortlist. A recurrent one is scored over that, the file's frequent tokens and the
// distinct ones among the latest committed tokens of its sequence, of which the best are proposed: that is as good as the
// whole vocabulary, and much less to read.
// Owner: the model. Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"
#include "core/model/backend/draft_head.h"
#include "core/model/lookahead/draft_store.h"
#include "core/model/lookahead/shortlist.h"

namespace pass {

class Drafter {
 public:
  // Without a head a row's own shortlist is what it proposes.
  Drafter(int64_t vocab_size, int shortlist_size, std::unique_ptr<DraftHead> head);

  // States of rows where Keep wants them.
  at::Tensor StatesFor(const at::Tensor& states) const { return head_ ? states.to(head_->device()) : states; }
  // Keeps a look-ahead row's shortlist and its state, row `row` of states [*, d].
  DraftHandle Keep(SequenceId id, Shortlist shortlist, const at::Tensor& states, int64_t row);
  // Tokens that were committed.
  void Append(SequenceId id, std::span<const TokenId> tokens);

  // As LanguageModel::Propose and ReleaseDrafts.
  absl::StatusOr<std::vector<Proposal>> Propose(std::span<const ProposalRequest> requests);
  void Release(SequenceId id, DraftHandle before) { store_.Release(id, before); }
  // Forgets all that it keeps for the sequence.
  void Close(SequenceId id) { store_.Close(id); }

 private:
  // What the head scores for a request, ending with the frequent tokens if the draft is recurrent.
  struct Candidates {
    SequenceId sequence = 0;
    const Shortlist* shortlist = nullptr;
    bool recurrent = false;
    std::vector<TokenId> ids;
  };
  struct Job {
    KeptDraft draft;
    size_t candidates = 0;      // index
    std::vector<float> scores;  // of the candidates
  };

  absl::Status Check(const ProposalRequest& request) const;
  size_t CandidatesFor(const ProposalRequest& request, const KeptDraft& draft,
                       std::vector<Candidates>& all) const;
  // The next states [n, d].
  at::Tensor Advance(std::span<const ProposalRequest> requests, std::span<const Job> jobs) const;
  void Score(const at::Tensor& states, std::span<const Candidates> candidates, std::span<Job> jobs) const;
  int64_t KeepState(const at::Tensor& states, int64_t row);

  int64_t vocab_size_;
  int shortlist_size_;
  std::unique_ptr<DraftHead> head_;
  DraftStore store_;
  at::Tensor states_;  // [slots, d], of the live drafts; made when there is a first one
};

}  // namespace pass
