#include "core/text/jinja/template_text.h"

#include <algorithm>

#include "core/base/utf8.h"
#include "core/text/characters.h"

namespace pass {
namespace {

// str.isspace() knows four separators more than Unicode's White_Space.
bool IsPythonSpace(std::string_view character) {
  const char32_t code_point = CodePoint(character);
  return IsWhiteSpace(code_point) || (code_point >= 0x1C && code_point <= 0x1F);
}

// The bounds of the characters: size + 1 offsets. What is not UTF-8 counts as one character.
std::vector<size_t> Offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += NextUtf8(text.substr(at)).length) offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

bool Takes(std::string_view character, std::optional<std::string_view> characters) {
  if (NextUtf8(character).kind != Utf8Kind::kCharacter) return false;
  if (!characters) return IsPythonSpace(character);
  return characters->find(character) != std::string_view::npos;
}

}  // namespace

MarkedText Strip(const MarkedText& text, TextEnd end, std::optional<std::string_view> characters) {
  const std::vector<size_t> offsets = Offsets(text.text);
  const auto taken = [&](size_t i) {
    return Takes(std::string_view(text.text).substr(offsets[i], offsets[i + 1] - offsets[i]), characters);
  };
  size_t first = 0;
  size_t last = offsets.size() - 1;
  if (end != TextEnd::kRight) {
    while (first < last && taken(first)) ++first;
  }
  if (end != TextEnd::kLeft) {
    while (last > first && taken(last - 1)) --last;
  }
  return text.Slice(offsets[first], offsets[last] - offsets[first]);
}

std::vector<MarkedText> SplitText(const MarkedText& text, std::optional<std::string_view> separator,
                                  int64_t max_splits) {
  std::vector<MarkedText> parts;
  const auto may_split = [&] { return max_splits < 0 || static_cast<int64_t>(parts.size()) < max_splits; };
  size_t begin = 0;
  if (separator) {
    for (size_t at = text.text.find(*separator); at != std::string::npos && may_split();
         at = text.text.find(*separator, begin)) {
      parts.push_back(text.Slice(begin, at - begin));
      begin = at + separator->size();
    }
    parts.push_back(text.Slice(begin, std::string::npos));
    return parts;
  }
  MarkedText rest = Strip(text, TextEnd::kLeft, std::nullopt);
  while (!rest.text.empty()) {
    const std::vector<size_t> offsets = Offsets(rest.text);
    size_t i = 0;
    while (
        may_split() && i + 1 < offsets.size() &&
        !Takes(std::string_view(rest.text).substr(offsets[i], offsets[i + 1] - offsets[i]), std::nullopt)) {
      ++i;
    }
    if (!may_split()) i = offsets.size() - 1;
    parts.push_back(rest.Slice(0, offsets[i]));
    rest = Strip(rest.Slice(offsets[i], std::string::npos), TextEnd::kLeft, std::nullopt);
  }
  return parts;
}

MarkedText ReplaceText(const MarkedText& text, std::string_view from, const MarkedText& to) {
  MarkedText result;
  size_t begin = 0;
  for (size_t at = text.text.find(from); at != std::string::npos; at = text.text.find(from, begin)) {
    result.Append(text.Slice(begin, at - begin));
    result.Append(to);
    begin = at + from.size();
  }
  result.Append(text.Slice(begin, std::string::npos));
  return result;
}

std::vector<size_t> SliceIndices(size_t size, std::optional<int64_t> begin, std::optional<int64_t> end,
                                 int64_t step) {
  const auto count = static_cast<int64_t>(size);
  step = std::clamp(step, -count - 1, count + 1);
  const int64_t low = step > 0 ? 0 : -1;
  const int64_t high = step > 0 ? count : count - 1;
  const auto bound = [&](std::optional<int64_t> value, int64_t fallback) {
    if (!value) return fallback;
    return std::clamp(*value < 0 ? *value + count : *value, low, high);
  };
  const int64_t first = bound(begin, step > 0 ? low : high);
  const int64_t last = bound(end, step > 0 ? high : low);
  std::vector<size_t> indices;
  for (int64_t i = first; step > 0 ? i < last : i > last; i += step)
    indices.push_back(static_cast<size_t>(i));
  return indices;
}

MarkedText SliceText(const MarkedText& text, std::optional<int64_t> begin, std::optional<int64_t> end,
                     int64_t step) {
  const std::vector<size_t> offsets = Offsets(text.text);
  MarkedText result;
  for (const size_t i : SliceIndices(offsets.size() - 1, begin, end, step)) {
    result.Append(text.Slice(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return result;
}

int64_t CountCharacters(std::string_view text) { return static_cast<int64_t>(Offsets(text).size()) - 1; }

}  // namespace pass
