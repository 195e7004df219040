// Regular expressions as tokenizer.json writes them, for the `tokenizers` package's engine (Oniguruma), on PCRE2
// (JIT where the platform has it). The two engines read some things differently; what is read alike or can be
// rewritten is accepted, and all else refused by name. Immutable after creation and thread-safe: a search owns
// its match data.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pass {

// The same expression in PCRE2's words: \s and \S become Unicode's White_Space, from which PCRE2's \s differs.
// INVALID_ARGUMENT names the construct that is not read alike.
absl::StatusOr<std::string> TranslateExpression(std::string_view expression);

class RegularExpression {
 public:
  // INVALID_ARGUMENT: not an expression, or not one that both engines read alike.
  static absl::StatusOr<RegularExpression> Create(std::string_view expression);

  // Calls `take` with begin and length of each match in `text`, which is valid UTF-8, in order. An empty match is
  // passed over. INTERNAL: PCRE2 fails or runs into one of its limits; what was taken so far is good.
  absl::Status FindAll(std::string_view text, absl::FunctionRef<void(size_t, size_t)> take) const;

 private:
  struct Compiled;  // PCRE2's header stays out of this one
  explicit RegularExpression(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace pass
