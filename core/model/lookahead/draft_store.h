// The drafts that the model keeps for its sequences between forwards: for each handle the shortlist that its row gave, and
// the place of its state. Thread: the engine's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/language_model/language_model.h"
#include "core/model/lookahead/recent_tokens.h"
#include "core/model/lookahead/shortlist.h"

namespace pass {

struct KeptDraft {
  std::shared_ptr<const Shortlist> shortlist = nullptr;  // of the row that it began with
  int64_t slot = -1;                                     // of its state; -1: none
  bool recurrent = false;                                // made by a proposal, not by a row
};

class DraftStore {
 public:
  // The latest tokens whose distinct ones a recurrent step scores.
  static constexpr size_t kRecentTokens = 512;

  // A slot that no live draft has.
  int64_t TakeSlot();

  DraftHandle Add(SequenceId id, KeptDraft draft);
  // nullptr: no such handle.
  const KeptDraft* Find(SequenceId id, DraftHandle handle) const;
  void Release(SequenceId id, DraftHandle before);

  // Tokens that the sequence has committed, in order.
  void Append(SequenceId id, std::span<const TokenId> tokens);
  // The distinct ones among the latest, ascending.
  std::span<const TokenId> Recent(SequenceId id) const;

  void Close(SequenceId id);

 private:
  struct Sequence {
    std::map<DraftHandle, KeptDraft> drafts;
    RecentTokens recent{kRecentTokens};
  };

  void Free(const KeptDraft& draft);

  std::unordered_map<SequenceId, Sequence> sequences_;
  std::vector<int64_t> free_slots_;
  int64_t num_slots_ = 0;  // ever taken
  DraftHandle next_ = 1;
};

}  // namespace pass
