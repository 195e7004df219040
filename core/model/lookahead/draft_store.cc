#include "core/model/lookahead/draft_store.h"

#include <utility>

namespace pass {

int64_t DraftStore::TakeSlot() {
  if (free_slots_.empty()) return num_slots_++;
  const int64_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void DraftStore::Free(const KeptDraft& draft) {
  if (draft.slot >= 0) free_slots_.push_back(draft.slot);
}

DraftHandle DraftStore::Add(SequenceId id, KeptDraft draft) {
  auto& drafts = sequences_[id].drafts;
  drafts.emplace_hint(drafts.end(), next_, std::move(draft));
  return next_++;
}

const KeptDraft* DraftStore::Find(SequenceId id, DraftHandle handle) const {
  const auto sequence = sequences_.find(id);
  if (sequence == sequences_.end()) return nullptr;
  const auto draft = sequence->second.drafts.find(handle);
  return draft == sequence->second.drafts.end() ? nullptr : &draft->second;
}

void DraftStore::Release(SequenceId id, DraftHandle before) {
  const auto sequence = sequences_.find(id);
  if (sequence == sequences_.end()) return;
  auto& drafts = sequence->second.drafts;
  const auto end = drafts.lower_bound(before);
  for (auto draft = drafts.begin(); draft != end; ++draft) Free(draft->second);
  drafts.erase(drafts.begin(), end);
}

void DraftStore::Append(SequenceId id, std::span<const TokenId> tokens) {
  if (tokens.size() > kRecentTokens) tokens = tokens.last(kRecentTokens);
  RecentTokens& recent = sequences_[id].recent;
  for (const TokenId token : tokens) recent.Append(token);
}

std::span<const TokenId> DraftStore::Recent(SequenceId id) const {
  const auto sequence = sequences_.find(id);
  if (sequence == sequences_.end()) return {};
  return sequence->second.recent.distinct();
}

void DraftStore::Close(SequenceId id) {
  const auto sequence = sequences_.find(id);
  if (sequence == sequences_.end()) return;
  for (const auto& [handle, draft] : sequence->second.drafts) Free(draft);
  sequences_.erase(sequence);
}

}  // namespace pass
