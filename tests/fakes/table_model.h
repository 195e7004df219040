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

#include "core/model/language_model.h"

namespace pass {

// Fills `logits`, float32 [vocabulary], for one row. `context`: committed tokens, then the tokens of the
// ancestors, then the row's own; a look-ahead row adds none, so its context ends with its anchor. `lookahead`
// = k on the row of [LA]_k, which predicts the token of index context.size() + k; 0 on an ordinary row, which
// predicts index context.size().
using LogitsFunction =
    std::function<void(std::span<const TokenId> context, int lookahead, std::span<float> logits)>;

struct RandomLogitsOptions {
  uint64_t seed = 1;
  double shared_scale = 1.0;  // part of the logits that an index decides alone: look-ahead rows know it
  double context_scale =
      1.0;  // part that the last three tokens decide; look-ahead rows have another one instead
  bool partial_support = false;  // at some contexts p, and at some others q, excludes a token
};

// Random but fixed logits; the larger shared_scale against context_scale, the more drafts are accepted.
LogitsFunction RandomLogits(const RandomLogitsOptions& options);

// The likeliest token after `context` is script[context.size()], by far, for ordinary and look-ahead rows
// alike; past the script's end the last one of it.
LogitsFunction ScriptedLogits(std::vector<TokenId> script);

struct TableModelOptions {
  int64_t vocab_size = 4;
  int32_t context_length = 64;
  int num_lookahead = 4;
  int page_tokens = 16;
  int64_t total_pages = 64;
};

class TableModel final : public LanguageModel {
 public:
  TableModel(const TableModelOptions& options, LogitsFunction logits);

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
  // Called at the start of every Forward; what it returns, if not OK, is the forward's result.
  void OnForward(std::function<absl::Status(std::span<const Row>)> hook) { on_forward_ = std::move(hook); }

  int num_forwards() const { return num_forwards_; }
  int num_open() const { return static_cast<int>(sequences_.size()); }
  std::span<const TokenId> Committed(SequenceId id) const;

 private:
  struct Sequence {
    int32_t max_tokens = 0;
    int64_t pages = 0;
    std::vector<TokenId> committed;
  };

  Sequence& Find(SequenceId id);
  void CheckRow(std::span<const Row> rows, size_t index);
  void GatherContext(std::span<const Row> rows, size_t index);

  const TableModelOptions options_;
  const LogitsFunction logits_function_;
  ModelInfo info_;
  std::map<SequenceId, Sequence> sequences_;
  SequenceId next_id_ = 1;
  int64_t reserved_pages_ = 0;
  int num_forwards_ = 0;
  std::set<SequenceId> broken_;
  std::function<absl::Status(std::span<const Row>)> on_forward_;
  std::vector<Row> last_rows_;  // sampling pointers in it are not to be followed
  std::vector<TokenId> context_;
  std::vector<float> logits_;
};

}  // namespace pass
