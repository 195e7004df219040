// The tokens that chats of the known families are written with.
#pragma once

#include <span>
#include <string_view>

namespace pass {

// Whether a token of this text opens, names or ends a turn, or begins or ends a text, in any of these families. A
// user's text never becomes such a token, whatever a vocabulary's flags say of it. Names that mean something else
// elsewhere (<s> is HTML) are not among them.
bool IsChatToken(std::string_view token);
std::span<const std::string_view> ChatTokens();  // all of them

// Those that end a model's answer.
bool EndsTurn(std::string_view token);

}  // namespace pass
