// Cuts text into the pieces inside which merges apply, with the pre-tokenizer's regular expression on PCRE2
// (JIT where the platform has it). Immutable after creation and thread-safe: a call owns its match data.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"

namespace pass {

class PieceSplitter {
 public:
  // INTERNAL: PCRE2 cannot compile the expression.
  static absl::StatusOr<PieceSplitter> Create(PreTokenizer pre_tokenizer);

  // Calls `take` with the pieces of `text`, in order; joined they are `text`. `text` is valid UTF-8.
  // INTERNAL: PCRE2 fails or runs into one of its limits; the pieces taken so far are good.
  absl::Status Split(std::string_view text, absl::FunctionRef<void(std::string_view)> take) const;

 private:
  struct Expression;  // PCRE2's header stays out of this one
  explicit PieceSplitter(std::shared_ptr<const Expression> expression) : expression_(std::move(expression)) {}

  std::shared_ptr<const Expression> expression_;
};

}  // namespace pass
