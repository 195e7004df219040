// What somebody may have meant by a name that does not exist.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pass {

// The fewest insertions, deletions, replacements and swaps of neighbours that make `b` of `a`.
int EditDistance(std::string_view a, std::string_view b);

// The name with the smallest distance, the first of equals; empty if even that is above `most`.
std::string NearestName(std::string_view given, std::span<const std::string> names, int most);

}  // namespace pass
