// A tokenizer whose ids are bytes, with one control token behind them. Thread-safe.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/tokenizer.h"

namespace pass {

class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kEnd = 256;  // control token "<end>"

  // `broken_text`: what Encode fails on; "": nothing.
  explicit ByteTokenizer(std::string broken_text = "") : broken_text_(std::move(broken_text)) {
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i);
  }

  absl::StatusOr<std::vector<TokenId>> Encode(std::string_view text,
                                              bool parse_control = false) const override {
    if (!broken_text_.empty() && text == broken_text_) return absl::InternalError("PCRE2 error -47");
    std::vector<TokenId> ids;
    while (!text.empty()) {
      if (parse_control && text.starts_with(kEndText)) {
        ids.push_back(kEnd);
        text.remove_prefix(kEndText.size());
      } else {
        ids.push_back(static_cast<unsigned char>(text.front()));
        text.remove_prefix(1);
      }
    }
    return ids;
  }
  std::string_view TokenBytes(TokenId id) const override {
    if (id == kEnd) return kEndText;
    if (id < 0 || id > kEnd) return {};
    return std::string_view(&bytes_[id], 1);
  }
  TokenKind Kind(TokenId id) const override { return id == kEnd ? TokenKind::kControl : TokenKind::kNormal; }
  int64_t vocab_size() const override { return kEnd + 1; }
  std::optional<TokenId> Find(std::string_view token) const override {
    if (token == kEndText) return kEnd;
    return std::nullopt;
  }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  bool add_bos() const override { return false; }

 private:
  static constexpr std::string_view kEndText = "<end>";
  std::array<char, 256> bytes_;
  const std::string broken_text_;
};

}  // namespace pass
