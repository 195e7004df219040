// Cuts text into the pieces inside which merges apply: the pre-tokenizers of tokenizer.json that split, one
// after the other, each on what the one before it left. Immutable after creation and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/regular_expression.h"

namespace pass {

struct SplitStep {
  // What becomes of a match: a piece of its own, nothing, or the end of the piece before it, or the beginning of
  // the piece after it.
  enum class Behavior : uint8_t { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext };

  std::string pattern;
  bool is_expression = true;  // false: `pattern` is the text itself
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;  // what lies between matches counts as the match

  bool operator==(const SplitStep&) const = default;
};

class PieceSplitter {
 public:
  // INVALID_ARGUMENT: an expression that is not supported.
  static absl::StatusOr<PieceSplitter> Create(std::vector<SplitStep> steps);

  // Calls `take` with the pieces of `text`, in order. `text` is valid UTF-8. INTERNAL: PCRE2 fails or runs into
  // one of its limits; the pieces taken so far are good.
  using TakePiece = absl::FunctionRef<void(std::string_view)>;
  absl::Status Split(std::string_view text, TakePiece take) const { return SplitFrom(0, text, take); }

 private:
  struct Step {
    SplitStep step;
    std::optional<RegularExpression> expression;
  };

  absl::Status SplitFrom(size_t step, std::string_view text, TakePiece take) const;
  static absl::Status FindAll(const Step& step, std::string_view text,
                              absl::FunctionRef<void(size_t, size_t)> take);

  std::vector<Step> steps_;
};

}  // namespace pass
