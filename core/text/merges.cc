#include "core/text/merges.h"

#include <algorithm>
#include <functional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/utf8.h"

namespace pass {
namespace {

using IdByText = absl::flat_hash_map<std::string_view, TokenId>;

absl::flat_hash_set<TokenId> ControlIds(const TokenizerSpec& spec) {
  absl::flat_hash_set<TokenId> ids;
  for (const AddedToken& token : spec.added) {
    if (token.control) ids.insert(token.id);
  }
  return ids;
}

absl::Status AddListed(const TokenizerSpec& spec, const IdByText& id_by_text,
                       const absl::flat_hash_set<TokenId>& control, PairMerger* merger) {
  std::string merged;
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    merged = left;
    merged += right;
    const auto left_id = id_by_text.find(left);
    const auto right_id = id_by_text.find(right);
    const auto merged_id = id_by_text.find(merged);
    if (left_id == id_by_text.end() || right_id == id_by_text.end() || merged_id == id_by_text.end()) {
      return absl::InvalidArgumentError(absl::StrCat("merge ", rank, " '", left, " ", right,
                                                     "' joins or makes what is not in the vocabulary"));
    }
    if (control.contains(merged_id->second)) continue;
    merger->SetMerge(left_id->second, right_id->second, static_cast<uint32_t>(rank), merged_id->second);
  }
  return absl::OkStatus();
}

// By id: the place of its score among all scores, the highest first. Equal scores have one place, and then the
// leftmost pair is merged.
std::vector<uint32_t> Places(const std::vector<float>& scores) {
  std::vector<float> sorted = scores;
  std::ranges::sort(sorted, std::greater<>());
  sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
  std::vector<uint32_t> places;
  places.reserve(scores.size());
  for (const float score : scores) {
    const auto place = std::ranges::lower_bound(sorted, score, std::greater<>());
    places.push_back(static_cast<uint32_t>(place - sorted.begin()));
  }
  return places;
}

// Any two tokens that joined are a token have a merge.
void AddScored(const TokenizerSpec& spec, const IdByText& id_by_text,
               const absl::flat_hash_set<TokenId>& control, PairMerger* merger) {
  const std::vector<uint32_t> places = Places(spec.scores);
  for (const auto& [text, id] : id_by_text) {
    if (control.contains(id)) continue;
    for (size_t cut = NextUtf8(text).length; cut < text.size(); cut += NextUtf8(text.substr(cut)).length) {
      const auto left = id_by_text.find(text.substr(0, cut));
      const auto right = id_by_text.find(text.substr(cut));
      if (left == id_by_text.end() || right == id_by_text.end()) continue;
      merger->SetMerge(left->second, right->second, places[static_cast<size_t>(id)], id);
    }
  }
}

}  // namespace

absl::Status AddMerges(const TokenizerSpec& spec, PairMerger* merger) {
  IdByText id_by_text;
  id_by_text.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) id_by_text.emplace(spec.tokens[id], static_cast<TokenId>(id));
  }
  const absl::flat_hash_set<TokenId> control = ControlIds(spec);
  if (!spec.scores.empty()) {
    AddScored(spec, id_by_text, control, merger);
    return absl::OkStatus();
  }
  return AddListed(spec, id_by_text, control, merger);
}

}  // namespace pass
