#include "core/text/literal_matcher.h"

#include <algorithm>
#include <cstdint>

namespace pass {

void LiteralMatcher::Add(std::string_view text, TokenId id) {
  if (text.empty()) return;
  auto& literals = by_first_byte_[static_cast<uint8_t>(text[0])];
  const auto place = std::find_if(literals.begin(), literals.end(),
                                  [&](const Literal& other) { return other.text.size() < text.size(); });
  literals.insert(place, Literal{std::string(text), id});
}

LiteralMatcher::Match LiteralMatcher::Find(std::string_view text, size_t begin) const {
  for (size_t i = begin; i < text.size(); ++i) {
    for (const Literal& literal : by_first_byte_[static_cast<uint8_t>(text[i])]) {
      if (text.substr(i).starts_with(literal.text)) return {i, literal.text.size(), literal.id};
    }
  }
  return {};
}

}  // namespace pass
