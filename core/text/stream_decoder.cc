#include "core/text/stream_decoder.h"

#include <algorithm>
#include <utility>

#include "core/base/utf8.h"

namespace pass {

StreamDecoder::StopMatcher::StopMatcher(std::string text)
    : text_(std::move(text)), border_(text_.size() + 1, 0) {
  for (size_t length = 2; length <= text_.size(); ++length) {
    size_t border = border_[length - 1];
    while (border > 0 && text_[border] != text_[length - 1]) border = border_[border];
    border_[length] = text_[border] == text_[length - 1] ? border + 1 : 0;
  }
}

bool StreamDecoder::StopMatcher::Advance(char byte) {
  while (num_matched_ > 0 && text_[num_matched_] != byte) num_matched_ = border_[num_matched_];
  if (text_[num_matched_] == byte) ++num_matched_;
  return num_matched_ == text_.size();
}

StreamDecoder::StreamDecoder(const Tokenizer* tokenizer, StreamDecoderOptions options)
    : tokenizer_(tokenizer),
      include_stop_(options.include_stop),
      skip_special_tokens_(options.skip_special_tokens) {
  for (std::string& stop : options.stop) {
    // The text is always valid UTF-8, so nothing else can match; and a stop string that began inside a
    // character would make us hold back half of one.
    if (!stop.empty() && ValidUtf8Prefix(stop) == stop.size()) stops_.emplace_back(std::move(stop));
  }
  std::stable_sort(stops_.begin(), stops_.end(), [](const StopMatcher& a, const StopMatcher& b) {
    return a.text().size() > b.text().size();
  });
}

bool StreamDecoder::TakeCharacter(std::string_view character, Delta* delta) {
  held_text_.append(character);
  if (stops_.empty()) return false;
  // A valid stop string ends where a character ends, so only the last byte can complete one.
  const StopMatcher* complete = nullptr;
  for (StopMatcher& stop : stops_) {
    bool matched = false;
    for (const char byte : character) matched = stop.Advance(byte);
    if (matched && complete == nullptr) complete = &stop;
  }
  if (complete == nullptr) return false;
  if (!include_stop_) held_text_.resize(held_text_.size() - complete->text().size());
  delta->matched_stop = complete->text();
  return true;
}

StreamDecoder::Delta StreamDecoder::TakePending(bool at_end) {
  Delta delta;
  std::string_view bytes = pending_bytes_;
  while (!bytes.empty() && !stopped_) {
    const Utf8Step step = NextUtf8(bytes);
    if (step.kind == Utf8Kind::kIncomplete && !at_end) break;
    const bool valid = step.kind == Utf8Kind::kCharacter;
    stopped_ = TakeCharacter(valid ? bytes.substr(0, step.length) : kReplacementCharacter, &delta);
    bytes.remove_prefix(step.length);
  }
  size_t held = 0;
  if (!stopped_ && !at_end) {
    for (const StopMatcher& stop : stops_) held = std::max(held, stop.num_matched());
  }
  delta.text = held_text_.substr(0, held_text_.size() - held);
  held_text_.erase(0, delta.text.size());
  pending_bytes_.erase(0, pending_bytes_.size() - bytes.size());
  return delta;
}

StreamDecoder::Delta StreamDecoder::Push(TokenId token) {
  if (stopped_ || (skip_special_tokens_ && tokenizer_->Kind(token) == TokenKind::kControl)) return {};
  pending_bytes_.append(tokenizer_->TokenBytes(token));
  return TakePending(/*at_end=*/false);
}

std::string StreamDecoder::Flush() {
  if (stopped_) return {};
  return TakePending(/*at_end=*/true).text;
}

}  // namespace pass
