// The text of a Jinja template to tokens, with the settings that `transformers` gives Jinja: trim_blocks and
// lstrip_blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace pass {

struct TemplateToken {
  enum class Kind : uint8_t {
    kData,  // text outside tags
    kOutputBegin,
    kOutputEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,  // `text` is without quotes and escapes
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text = {};

  bool Is(Kind wanted, std::string_view wanted_text) const { return kind == wanted && text == wanted_text; }
};

// Ends with kEnd. INVALID_ARGUMENT: a tag or a text literal that does not end, or a character of no token.
absl::StatusOr<std::vector<TemplateToken>> TokenizeTemplate(std::string_view text);

}  // namespace pass
