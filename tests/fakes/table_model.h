// A language model whose logits are a pure function of the context, and which ends the process with a message
// on every broken invariant of language_model.h. Everything above the seam is tested with it, without torch.
//
// Thread: one at a time, as the real model. info() may be read anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "core/language_model/language_model.h"

namespace pass {

// Fills `logits`, float32 [vocabulary], for one row. `context`: committed tokens, then the tokens of the
// ancestors, then the row's own; a look-ahead row adds none, so its context ends with its anchor. `lookahead`
// = k on the row of [LA]_k, which predicts the token of index context.size() + k; 0 on an ordinary row, which
// predicts index context.size().
using LogitsFunction =
    std::function<void(std::span<const TokenId> context, int lookahead, std::span<float> logits)>;

// The head. Fills `logits`, float32 [vocabulary], for the token behind `path`. `context` and `lookahead`: as
// the LogitsFunction's of the row of [LA]_k; `path`: the token just before the one that the row predicts, of
// index context.size() + k - 1, then those of the recurrent steps. It predicts index context.size() + k - 1 +
// path.size().
using DraftFunction = std::function<void(std::span<const TokenId> context, int lookahead,
                                         std::span<const TokenId> path, std::span<float> logits)>;

struct RandomLogitsOptions {
  uint64_t seed = 1;
  double shared_scale = 1.0;     // part of the logits that an index decides alone: look-ahead rows know it
  double context_scale = 1.0;    // part that the last three tokens decide; look-ahead rows have another one
  bool partial_support = false;  // at some contexts p, and at some others q, excludes a token
};

// Random but fixed logits; the larger shared_scale against context_scale, the more drafts are accepted.
LogitsFunction RandomLogits(const RandomLogitsOptions& options);

// A head for a model with these logits. `agreement` in [0, 1]: how much of it is the target's own opinion; at
// 1, behind [LA]_1, it is the target. It looks at `path`, which a mistake about the token before thus
// changes.
DraftFunction RandomDrafts(const RandomLogitsOptions& options, double agreement);

// The likeliest token after `context` is script[context.size()], by far, for ordinary and look-ahead rows
// alike; past the script's end the last one of it.
LogitsFunction ScriptedLogits(std::vector<TokenId> script);

// The head that goes with it: it knows the script as long as `path` has kept to it, and prefers token 0 from
// there on.
DraftFunction ScriptedDrafts(std::vector<TokenId> script);

struct TableModelOptions {
  int64_t vocab_size = 4;
  int32_t context_length = 64;
  int num_lookahead = 4;
  int page_tokens = 16;
  int64_t total_pages = 64;
  int shortlist_size = 3;  // below the vocabulary, so that q lives on part of the support
};

class TableModel final : public LanguageModel {
 public:
  // `drafts`: the head; without one a proposal is the look-ahead row's own, whatever the token before. The
  // shortlist is the best of the row's own logits, for recurrent steps those of the head's; tokens that the
  // head excludes are left out.
  TableModel(const TableModelOptions& options, LogitsFunction logits, DraftFunction drafts = nullptr);

  const ModelInfo& info() const override { return info_; }
  KvUsage kv_usage() const override;
  absl::StatusOr<SequenceId> Open(int32_t max_tokens) override;
  void Close(SequenceId id) override;
  absl::StatusOr<std::vector<RowResult>> Forward(std::span<const Row> rows) override;
  absl::Status Commit(SequenceId id, std::span<const int> rows) override;
  absl::StatusOr<std::vector<Proposal>> Propose(std::span<const ProposalRequest> requests) override;
  void ReleaseDrafts(SequenceId id, DraftHandle before) override;

  // From now on the logits of this sequence's rows are NaN.
  void BreakSequence(SequenceId id) { broken_.insert(id); }
  // From now on those of row `index` of a forward are NaN if this is true.
  using IsBroken = std::function<bool(std::span<const Row> rows, size_t index)>;
  void BreakRows(IsBroken is_broken) { is_broken_ = std::move(is_broken); }
  // Called at the start of every Forward; what it returns, if not OK, is the forward's result.
  void OnForward(std::function<absl::Status(std::span<const Row>)> hook) { on_forward_ = std::move(hook); }

  int num_forwards() const { return num_forwards_; }
  int num_open() const { return static_cast<int>(sequences_.size()); }
  std::span<const TokenId> Committed(SequenceId id) const;
  // Handles that are neither released nor gone with their sequence, of rows and of recurrent steps.
  int num_live_drafts() const;
  int num_propose_calls() const { return num_propose_calls_; }

 private:
  // What a handle stands for: a look-ahead row and what was drafted behind it.
  struct Draft {
    std::vector<TokenId> context;
    int lookahead = 0;
    std::vector<TokenId> path;       // without the next request's `previous`
    std::vector<TokenId> shortlist;  // of the row; empty on a recurrent step
    std::vector<float> logits;       // the row's own, one per token of the shortlist
  };
  struct Sequence {
    int32_t max_tokens = 0;
    int64_t pages = 0;
    std::vector<TokenId> committed;
    std::map<DraftHandle, Draft> drafts;
  };

  Sequence& Find(SequenceId id);
  void CheckRow(std::span<const Row> rows, size_t index);
  void GatherContext(std::span<const Row> rows, size_t index);
  RowResult ReadShortlist(const Row& row);
  Proposal ProposeOne(const ProposalRequest& request);

  const TableModelOptions options_;
  const LogitsFunction logits_function_;
  const DraftFunction draft_function_;
  ModelInfo info_;
  std::map<SequenceId, Sequence> sequences_;
  SequenceId next_id_ = 1;
  int64_t reserved_pages_ = 0;
  DraftHandle next_draft_ = 1;  // shared by all sequences, so that a handle of another one is noticed
  int num_forwards_ = 0;
  int num_propose_calls_ = 0;
  std::set<SequenceId> broken_;
  IsBroken is_broken_ = [](std::span<const Row>, size_t) { return false; };
  std::function<absl::Status(std::span<const Row>)> on_forward_;
  std::vector<Row> last_rows_;  // sampling pointers in it are not to be followed
  std::vector<TokenId> context_;
  std::vector<float> logits_;
};

}  // namespace pass
