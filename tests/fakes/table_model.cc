#include "tests/fakes/table_model.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/base/check.h"
#include "core/language_model/read_out.h"
#include "core/sampling/filters.h"

namespace pass {

namespace {

// The `count` largest logits, likeliest first, lowest id on ties; tokens that are excluded never.
std::vector<TokenId> Best(std::span<const float> logits, size_t count) {
  std::vector<TokenId> ids;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] > -std::numeric_limits<float>::infinity()) ids.push_back(static_cast<TokenId>(id));
  }
  std::ranges::stable_sort(ids, std::greater<>(), [&](TokenId id) { return logits[id]; });
  ids.resize(std::min(ids.size(), count));
  return ids;
}

std::vector<float> LogitsOf(std::span<const TokenId> ids, std::span<const float> logits) {
  std::vector<float> listed;
  for (TokenId id : ids) listed.push_back(logits[id]);
  return listed;
}

}  // namespace

TableModel::TableModel(const TableModelOptions& options, LogitsFunction logits, DraftFunction drafts)
    : options_(options),
      logits_function_(std::move(logits)),
      draft_function_(std::move(drafts)),
      logits_(options.vocab_size) {
  info_ = {.name = "table",
           .architecture = "table",
           .dtype = "fp32",
           .device = "cpu",
           .fingerprint = "0000000000000000",
           .vocab_size = options.vocab_size,
           .context_length = options.context_length,
           .num_layers = 1,
           .width = 1,
           .num_lookahead = options.num_lookahead,
           .has_head = draft_function_ != nullptr,
           .shortlist_size = options.shortlist_size};
}

KvUsage TableModel::kv_usage() const {
  return {.total_pages = options_.total_pages,
          .reserved_pages = reserved_pages_,
          .page_tokens = options_.page_tokens};
}

absl::StatusOr<SequenceId> TableModel::Open(int32_t max_tokens) {
  if (max_tokens < 1 || max_tokens > options_.context_length) {
    return absl::InvalidArgumentError("a sequence must have from 1 position to the context length");
  }
  const int64_t pages = (max_tokens + options_.page_tokens - 1) / options_.page_tokens;
  if (pages > options_.total_pages) return absl::InvalidArgumentError("more pages than the whole pool");
  if (pages > options_.total_pages - reserved_pages_)
    return absl::ResourceExhaustedError("not enough free pages");
  reserved_pages_ += pages;
  sequences_[next_id_] = {.max_tokens = max_tokens, .pages = pages, .committed = {}, .drafts = {}};
  return next_id_++;
}

void TableModel::Close(SequenceId id) {
  reserved_pages_ -= Find(id).pages;
  sequences_.erase(id);
  broken_.erase(id);
}

TableModel::Sequence& TableModel::Find(SequenceId id) {
  const auto found = sequences_.find(id);
  PASS_CHECK(found != sequences_.end() && "the sequence is open");
  return found->second;
}

std::span<const TokenId> TableModel::Committed(SequenceId id) const {
  const auto found = sequences_.find(id);
  PASS_CHECK(found != sequences_.end() && "the sequence is open");
  return found->second.committed;
}

void TableModel::CheckRow(std::span<const Row> rows, size_t index) {
  const Row& row = rows[index];
  PASS_CHECK(row.position >= 0 && row.position < options_.context_length);
  PASS_CHECK(row.lookahead >= 0 && row.lookahead <= options_.num_lookahead);
  PASS_CHECK((row.lookahead > 0 || (row.token >= 0 && row.token < options_.vocab_size)) &&
             "token id in range");
  PASS_CHECK((row.lookahead > 0 || row.output != RowOutput::kShortlist) &&
             "a shortlist is a look-ahead row's");
  PASS_CHECK((row.output == RowOutput::kNothing || row.sampling != nullptr) &&
             "an output needs sampling options");
  if (row.parent == kCommittedPrefix) {
    PASS_CHECK(row.lookahead == 0 && "a look-ahead group stands behind an ordinary row");
    PASS_CHECK(row.position == static_cast<int32_t>(Find(row.sequence).committed.size()));
    return;
  }
  PASS_CHECK(row.parent >= 0 && row.parent < static_cast<int>(index) && "a parent comes before its child");
  const Row& parent = rows[row.parent];
  PASS_CHECK(parent.sequence == row.sequence && "a parent is of the same sequence");
  PASS_CHECK(row.position == parent.position + 1);
  PASS_CHECK((row.lookahead > 0 || parent.lookahead == 0) && "no ordinary row behind a look-ahead row");
  PASS_CHECK((row.lookahead == 0 || parent.lookahead == row.lookahead - 1) &&
             "[LA]_k stands behind [LA]_k-1");
}

// Into context_: the committed tokens and those of the path that ends with this row.
void TableModel::GatherContext(std::span<const Row> rows, size_t index) {
  const Sequence& sequence = Find(rows[index].sequence);
  context_.clear();
  for (int i = static_cast<int>(index); i != kCommittedPrefix; i = rows[i].parent) {
    if (rows[i].lookahead == 0) context_.push_back(rows[i].token);
  }
  context_.insert(context_.end(), sequence.committed.rbegin(), sequence.committed.rend());
  std::reverse(context_.begin(), context_.end());
}

absl::StatusOr<std::vector<RowResult>> TableModel::Forward(std::span<const Row> rows) {
  PASS_CHECK(!rows.empty() && "a forward has rows");
  ++num_forwards_;
  last_rows_.clear();
  if (on_forward_) {
    absl::Status status = on_forward_(rows);
    if (!status.ok()) return status;
  }
  std::vector<RowResult> results;
  results.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    CheckRow(rows, i);
    if (broken_.contains(rows[i].sequence) || is_broken_(rows, i)) {
      std::fill(logits_.begin(), logits_.end(), std::numeric_limits<float>::quiet_NaN());
    } else if (rows[i].output != RowOutput::kNothing) {
      GatherContext(rows, i);
      logits_function_(context_, rows[i].lookahead, logits_);
    }
    const bool shortlist = rows[i].output == RowOutput::kShortlist;
    results.push_back(shortlist ? ReadShortlist(rows[i]) : ReadOut(logits_, rows[i]));
  }
  last_rows_.assign(rows.begin(), rows.end());
  return results;
}

// Of the row whose context is in context_ and whose logits are in logits_.
RowResult TableModel::ReadShortlist(const Row& row) {
  RowResult result;
  result.status = Argmax(logits_).status();
  if (!result.status.ok()) return result;
  Draft draft{.context = context_, .lookahead = row.lookahead, .path = {}, .shortlist = {}, .logits = {}};
  draft.shortlist = Best(logits_, options_.shortlist_size);
  draft.logits = LogitsOf(draft.shortlist, logits_);
  result.drafts = next_draft_++;
  Find(row.sequence).drafts[result.drafts] = std::move(draft);
  return result;
}

absl::StatusOr<std::vector<Proposal>> TableModel::Propose(std::span<const ProposalRequest> requests) {
  ++num_propose_calls_;
  std::vector<Proposal> proposals;
  for (const ProposalRequest& request : requests) proposals.push_back(ProposeOne(request));
  return proposals;
}

Proposal TableModel::ProposeOne(const ProposalRequest& request) {
  PASS_CHECK(request.previous >= 0 && request.previous < options_.vocab_size && "token id in range");
  std::map<DraftHandle, Draft>& drafts = Find(request.sequence).drafts;
  const auto found = drafts.find(request.handle);
  PASS_CHECK(found != drafts.end() && "a live handle of this sequence");
  const Draft& draft = found->second;
  Proposal proposal{.ids = draft.shortlist, .log_probabilities = draft.logits};
  if (draft_function_) {
    Draft next{.context = draft.context,
               .lookahead = draft.lookahead,
               .path = draft.path,
               .shortlist = {},
               .logits = {}};
    next.path.push_back(request.previous);
    draft_function_(next.context, next.lookahead, next.path, logits_);
    if (draft.shortlist.empty()) proposal.ids = Best(logits_, options_.shortlist_size);
    std::erase_if(proposal.ids,
                  [&](TokenId id) { return logits_[id] == -std::numeric_limits<float>::infinity(); });
    // Likeliest first, lowest id on ties.
    std::ranges::sort(proposal.ids);
    std::ranges::stable_sort(proposal.ids, std::greater<>(), [&](TokenId id) { return logits_[id]; });
    proposal.log_probabilities = LogitsOf(proposal.ids, logits_);
    proposal.next = next_draft_++;
    drafts[proposal.next] = std::move(next);
  }
  PASS_CHECK(!proposal.ids.empty() && "the head leaves a token of the shortlist");
  double sum = 0;
  for (float logit : proposal.log_probabilities) sum += std::exp(double{logit});
  for (float& logit : proposal.log_probabilities) logit = static_cast<float>(logit - std::log(sum));
  return proposal;
}

void TableModel::ReleaseDrafts(SequenceId id, DraftHandle before) {
  std::map<DraftHandle, Draft>& drafts = Find(id).drafts;
  drafts.erase(drafts.begin(), drafts.lower_bound(before));
}

int TableModel::num_live_drafts() const {
  int count = 0;
  for (const auto& [id, sequence] : sequences_) count += static_cast<int>(sequence.drafts.size());
  return count;
}

absl::Status TableModel::Commit(SequenceId id, std::span<const int> rows) {
  Sequence& sequence = Find(id);
  int previous = kCommittedPrefix;
  for (int index : rows) {
    PASS_CHECK(index >= 0 && index < static_cast<int>(last_rows_.size()) && "a row of the last forward");
    const Row& row = last_rows_[index];
    PASS_CHECK(row.sequence == id && "a row of this sequence");
    PASS_CHECK(row.lookahead == 0 && "look-ahead rows are never committed");
    PASS_CHECK(row.parent == previous && "committed rows are a path from the committed prefix");
    PASS_CHECK(row.position == static_cast<int32_t>(sequence.committed.size()) && "one commit a forward");
    PASS_CHECK(row.position < sequence.max_tokens && "no more positions than were reserved");
    sequence.committed.push_back(row.token);
    previous = index;
  }
  return absl::OkStatus();
}

}  // namespace pass
