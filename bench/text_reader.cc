#include "bench/text_reader.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/status_macros.h"

namespace pass::bench {

absl::StatusOr<TextReader> TextReader::Open(LanguageModel& model, size_t tokens) {
  PASS_ASSIGN_OR_RETURN(const SequenceId id, model.Open(static_cast<int32_t>(tokens)));
  return TextReader(&model, id);
}

TextReader::TextReader(TextReader&& other) noexcept
    : model_(std::exchange(other.model_, nullptr)),
      id_(other.id_),
      position_(other.position_),
      sampling_(other.sampling_) {}

TextReader::~TextReader() {
  if (model_ != nullptr) model_->Close(id_);
}

absl::StatusOr<std::vector<Distribution>> TextReader::Read(std::span<const TokenId> tokens) {
  std::vector<Row> rows;
  for (const TokenId token : tokens) {
    const int index = static_cast<int>(rows.size());
    rows.push_back({.sequence = id_,
                    .token = token,
                    .position = position_ + index,
                    .parent = index == 0 ? kCommittedPrefix : index - 1,
                    .sampling = &sampling_,
                    .output = RowOutput::kDistribution});
  }
  PASS_ASSIGN_OR_RETURN(std::vector<RowResult> results, model_->Forward(rows));
  std::vector<int> kept(rows.size());
  std::iota(kept.begin(), kept.end(), 0);
  PASS_RETURN_IF_ERROR(model_->Commit(id_, kept));
  position_ += static_cast<int32_t>(rows.size());
  std::vector<Distribution> distributions;
  for (RowResult& result : results) {
    PASS_RETURN_IF_ERROR(result.status);
    distributions.push_back(std::move(result.distribution));
  }
  return distributions;
}

TokenId LikeliestToken(const Distribution& distribution) {
  const auto best = std::ranges::max_element(distribution.probabilities);
  return distribution.ids[static_cast<size_t>(best - distribution.probabilities.begin())];
}

double LogShare(const Distribution& distribution, TokenId token) {
  constexpr double kLeastShare = 1e-30;
  return std::log(std::max<double>(distribution.ProbabilityOf(token), kLeastShare));
}

}  // namespace pass::bench
