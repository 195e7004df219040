// Python's operations on texts, on marked texts. White space is what Python's str.strip() takes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/marked_text.h"

namespace pass {

enum class TextEnd : uint8_t { kLeft = 1, kRight = 2, kBoth = 3 };

// Without white space, or without the characters of `characters`, at the ends.
MarkedText Strip(const MarkedText& text, TextEnd end, std::optional<std::string_view> characters);

// At each `separator`, which is not empty, at most `max_splits` times (negative: always); without one, at runs of
// white space.
std::vector<MarkedText> SplitText(const MarkedText& text, std::optional<std::string_view> separator,
                                  int64_t max_splits);

MarkedText ReplaceText(const MarkedText& text, std::string_view from, const MarkedText& to);

// By characters, as Python counts them. `step` is not 0; bounds left out are the ends.
MarkedText SliceText(const MarkedText& text, std::optional<int64_t> begin, std::optional<int64_t> end,
                     int64_t step);

int64_t CountCharacters(std::string_view text);

// The indices that a slice of a sequence of `size` takes, in order.
std::vector<size_t> SliceIndices(size_t size, std::optional<int64_t> begin, std::optional<int64_t> end,
                                 int64_t step);

}  // namespace pass
