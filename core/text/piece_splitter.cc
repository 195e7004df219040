#include "core/text/piece_splitter.h"

#include "core/base/status_macros.h"

namespace pass {
namespace {

// Takes matches and what lies between them, in order, and gives pieces.
class PieceCollector {
 public:
  PieceCollector(SplitStep::Behavior behavior, std::string_view text, PieceSplitter::TakePiece take)
      : behavior_(behavior), text_(text), take_(take) {}

  void Add(size_t begin, size_t length, bool is_match) {
    switch (behavior_) {
      case SplitStep::Behavior::kIsolated:
        take_(text_.substr(begin, length));
        break;
      case SplitStep::Behavior::kRemoved:
        if (!is_match) take_(text_.substr(begin, length));
        break;
      case SplitStep::Behavior::kMergedWithPrevious:
        if (!is_match || previous_is_match_) Flush();
        break;
      case SplitStep::Behavior::kMergedWithNext:
        if (is_match || !previous_is_match_) Flush();
        break;
    }
    held_end_ = begin + length;
    previous_is_match_ = is_match;
  }

  // Gives what is held back until its neighbour is known.
  void Flush() {
    const bool holds = behavior_ == SplitStep::Behavior::kMergedWithPrevious ||
                       behavior_ == SplitStep::Behavior::kMergedWithNext;
    if (holds && held_end_ > held_begin_) take_(text_.substr(held_begin_, held_end_ - held_begin_));
    held_begin_ = held_end_;
  }

 private:
  const SplitStep::Behavior behavior_;
  const std::string_view text_;
  const PieceSplitter::TakePiece take_;
  size_t held_begin_ = 0;
  size_t held_end_ = 0;
  bool previous_is_match_ = false;
};

}  // namespace

absl::StatusOr<PieceSplitter> PieceSplitter::Create(std::vector<SplitStep> steps) {
  PieceSplitter splitter;
  for (SplitStep& step : steps) {
    if (step.pattern.empty()) return absl::InvalidArgumentError("a pre-tokenizer splits at an empty pattern");
    std::optional<RegularExpression> expression;
    if (step.is_expression) {
      PASS_ASSIGN_OR_RETURN(expression, RegularExpression::Create(step.pattern));
    }
    splitter.steps_.push_back({std::move(step), std::move(expression)});
  }
  return splitter;
}

absl::Status PieceSplitter::FindAll(const Step& step, std::string_view text,
                                    absl::FunctionRef<void(size_t, size_t)> take) {
  if (step.expression) return step.expression->FindAll(text, take);
  const std::string_view pattern = step.step.pattern;
  for (size_t at = text.find(pattern); at != std::string_view::npos;
       at = text.find(pattern, at + pattern.size())) {
    take(at, pattern.size());
  }
  return absl::OkStatus();
}

absl::Status PieceSplitter::SplitFrom(size_t step, std::string_view text, TakePiece take) const {
  if (text.empty()) return absl::OkStatus();
  if (step == steps_.size()) {
    take(text);
    return absl::OkStatus();
  }
  absl::Status status;
  const auto take_piece = [&](std::string_view piece) {
    if (status.ok()) status = SplitFrom(step + 1, piece, take);
  };
  const bool invert = steps_[step].step.invert;
  PieceCollector pieces(steps_[step].step.behavior, text, take_piece);
  size_t end = 0;
  PASS_RETURN_IF_ERROR(FindAll(steps_[step], text, [&](size_t begin, size_t length) {
    if (begin > end) pieces.Add(end, begin - end, invert);
    pieces.Add(begin, length, !invert);
    end = begin + length;
  }));
  if (end < text.size()) pieces.Add(end, text.size() - end, invert);
  pieces.Flush();
  return status;
}

}  // namespace pass
