#include "core/text/added_token_matcher.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/text/characters.h"

namespace pass {
namespace {

bool StandsAlone(std::string_view text, size_t begin, size_t end) {
  return !EndsWithWordCharacter(text.substr(0, begin)) && !StartsWithWordCharacter(text.substr(end));
}

}  // namespace

void AddedTokenMatcher::Add(const AddedToken& token, std::string_view pattern) {
  if (pattern.empty()) return;
  uint32_t node = 0;
  for (const char character : pattern) {
    const auto byte = static_cast<uint8_t>(character);
    const auto fresh = static_cast<uint32_t>(token_at_.size());
    uint32_t& next = node == 0 ? first_edges_[byte] : edges_[uint64_t{node} << 8 | byte];
    if (next == kNowhere) {
      next = fresh;
      token_at_.push_back(kNoToken);
    }
    node = next;
  }
  token_at_[node] = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

AddedTokenMatcher::Match AddedTokenMatcher::Find(std::string_view text, size_t begin) const {
  for (size_t i = begin; i < text.size(); ++i) {
    Match match;
    uint32_t node = first_edges_[static_cast<uint8_t>(text[i])];
    for (size_t end = i + 1; node != kNowhere; ++end) {
      if (token_at_[node] != kNoToken) {
        match = {i, end - i, &tokens_[static_cast<size_t>(token_at_[node])]};
      }
      if (end == text.size()) break;
      const auto next = edges_.find(uint64_t{node} << 8 | static_cast<uint8_t>(text[end]));
      node = next == edges_.end() ? kNowhere : next->second;
    }
    if (match.token != nullptr) return match;
  }
  return {};
}

absl::Status AddedTokenMatcher::Cut(std::string_view text, const Authorship& authorship,
                                    TakeStretch take) const {
  size_t taken = 0;
  size_t searched = 0;
  while (!empty() && searched < text.size()) {
    const Match match = Find(text, searched);
    if (match.token == nullptr) break;
    const AddedToken& token = *match.token;
    size_t begin = match.begin;
    size_t end = searched = match.begin + match.length;
    if (token.control && !authorship.ServerWrote(begin, match.length)) continue;
    if (token.single_word && !StandsAlone(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(begin - TrailingWhiteSpace(text.substr(0, begin)), taken);
    if (token.rstrip) end += LeadingWhiteSpace(text.substr(end));
    if (taken < begin) PASS_RETURN_IF_ERROR(take({nullptr, taken, begin - taken}));
    // Of a token that is white space nothing may be left, where its neighbour has taken it. Where it then ends is
    // where the text goes on, as in the package.
    if (begin < end) PASS_RETURN_IF_ERROR(take({&token, begin, end - begin}));
    taken = end;
  }
  if (taken < text.size()) PASS_RETURN_IF_ERROR(take({nullptr, taken, text.size() - taken}));
  return absl::OkStatus();
}

}  // namespace pass
