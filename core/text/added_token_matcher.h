// Cuts text at added tokens, as the `tokenizers` package does: leftmost first, the longest on ties; then the
// token's flags decide whether the match counts and how far it reaches. What a match covers is never looked at
// again, whether it counts or not. Immutable after creation and thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/text/added_token.h"
#include "core/text/marked_text.h"

namespace pass {

class AddedTokenMatcher {
 public:
  // `pattern` is what stands in text for the token: its content, or that normalised. An empty one never matches.
  // Of two tokens with one pattern the last counts.
  void Add(const AddedToken& token, std::string_view pattern);
  bool empty() const { return tokens_.empty(); }

  // A stretch of the text: an added token, or ordinary text (token is null).
  struct Stretch {
    const AddedToken* token = nullptr;
    size_t begin = 0;
    size_t length = 0;
  };
  using TakeStretch = absl::FunctionRef<absl::Status(const Stretch&)>;

  // Calls `take` with each stretch, in order; stops at its first error. A control token counts only where the
  // server wrote all of it. Looks at each position once, at most the longest pattern's bytes at each.
  absl::Status Cut(std::string_view text, const Authorship& authorship, TakeStretch take) const;

 private:
  struct Match {
    size_t begin = std::string_view::npos;  // npos: none
    size_t length = 0;
    const AddedToken* token = nullptr;
  };
  Match Find(std::string_view text, size_t begin) const;

  static constexpr uint32_t kNowhere = 0;  // the root, to which no edge leads
  static constexpr int32_t kNoToken = -1;

  std::vector<AddedToken> tokens_;
  absl::flat_hash_map<uint64_t, uint32_t> edges_;  // node << 8 | byte -> node
  std::vector<uint32_t> first_edges_ = std::vector<uint32_t>(256, kNowhere);
  std::vector<int32_t> token_at_ = {kNoToken};  // by node: index in tokens_
};

}  // namespace pass
