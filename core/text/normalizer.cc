#include "core/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/base/utf8.h"

namespace pass {
namespace {

constexpr char32_t kFirstCombining =
    0x300;  // below it nothing changes in NFC, nor composes with what is before

char MarkOf(std::string_view marks) {
  return std::ranges::find(marks, MarkedText::kUser) == marks.end() ? MarkedText::kServer : MarkedText::kUser;
}

// Appends `bytes`, and a mark for each of them where there are marks.
void Append(std::string_view bytes, std::string_view from_marks, MarkedText* out) {
  out->text.append(bytes);
  if (!from_marks.empty()) out->marks.append(bytes.size(), MarkOf(from_marks));
}

void AppendComposed(std::string_view run, std::string_view marks, MarkedText* out) {
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(run.data()), static_cast<utf8proc_ssize_t>(run.size()),
      &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(composed, std::free);
  const std::string_view result = size < 0 ? run : std::string_view(reinterpret_cast<char*>(composed), size);
  if (result == run) {  // keep the marks apart
    out->text.append(run);
    out->marks.append(marks);
  } else {
    Append(result, marks, out);
  }
}

// The length of the first character, and whether it may change, or compose with the one before.
struct Character {
  size_t length;
  bool combines;
};

Character NextCharacter(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return {1, false};
  const Utf8Step step = NextUtf8(text);
  if (step.kind != Utf8Kind::kCharacter) return {step.length, false};
  return {step.length, CodePoint(text.substr(0, step.length)) >= kFirstCombining};
}

// Composes run by run: a character below U+0300, which begins one, and those that follow it.
MarkedText Compose(std::string_view text, std::string_view marks) {
  MarkedText out;
  out.text.reserve(text.size());
  size_t begin = 0;
  while (begin < text.size()) {
    size_t last = begin;  // where the last plain character before a combining one begins
    size_t end = begin;
    while (end < text.size()) {
      const Character next = NextCharacter(text.substr(end));
      if (next.combines) break;
      last = end;
      end += next.length;
    }
    if (end == text.size()) last = end;
    out.text.append(text.substr(begin, last - begin));
    if (!marks.empty()) out.marks.append(marks.substr(begin, last - begin));
    if (last == text.size()) break;
    while (end < text.size()) {
      const Character next = NextCharacter(text.substr(end));
      if (!next.combines) break;
      end += next.length;
    }
    // What is not UTF-8 may stand before the first combining character; it is kept out of the composition.
    const Utf8Step head = NextUtf8(text.substr(last));
    const size_t skipped = head.kind == Utf8Kind::kCharacter ? 0 : head.length;
    out.text.append(text.substr(last, skipped));
    if (!marks.empty()) out.marks.append(marks.substr(last, skipped));
    last += skipped;
    AppendComposed(text.substr(last, end - last), marks.empty() ? marks : marks.substr(last, end - last),
                   &out);
    begin = end;
  }
  return out;
}

MarkedText Replace(const NormalizerStep& step, std::string_view text, std::string_view marks) {
  MarkedText out;
  out.text.reserve(text.size() + text.size() / 2);
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t at = std::min(text.find(step.pattern, begin), text.size());
    out.text.append(text.substr(begin, at - begin));
    if (!marks.empty()) out.marks.append(marks.substr(begin, at - begin));
    if (at == text.size()) break;
    Append(step.content, marks.empty() ? marks : marks.substr(at, step.pattern.size()), &out);
    begin = at + step.pattern.size();
  }
  return out;
}

MarkedText Prepend(const NormalizerStep& step, std::string_view text, std::string_view marks) {
  if (text.empty()) return {};
  MarkedText out;
  Append(step.content, marks.substr(0, 1), &out);
  out.text.append(text);
  out.marks.append(marks);
  return out;
}

MarkedText ApplyStep(const NormalizerStep& step, std::string_view text, std::string_view marks) {
  switch (step.kind) {
    case NormalizerStep::Kind::kNfc:
      return Compose(text, marks);
    case NormalizerStep::Kind::kPrepend:
      return Prepend(step, text, marks);
    case NormalizerStep::Kind::kReplace:
      return Replace(step, text, marks);
  }
  return {};
}

}  // namespace

std::string Normalizer::Apply(std::string_view text) const { return Apply(text, /*marks=*/{}).text; }

MarkedText Normalizer::Apply(std::string_view text, std::string_view marks) const {
  MarkedText result{std::string(text), std::string(marks)};
  for (const NormalizerStep& step : steps_) result = ApplyStep(step, result.text, result.marks);
  return result;
}

}  // namespace pass
