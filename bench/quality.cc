#include "bench/quality.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace pass::bench {
namespace {

constexpr size_t kChunk = 32;          // rows of a forward: whole distributions are large
constexpr double kLeastShare = 1e-30;  // of a token that a distribution does not list

// One sequence of a model, read chunk by chunk.
class Reader {
 public:
  static absl::StatusOr<Reader> Open(LanguageModel& model, size_t tokens) {
    PASS_ASSIGN_OR_RETURN(const SequenceId id, model.Open(static_cast<int32_t>(tokens)));
    return Reader(&model, id);
  }
  Reader(Reader&& other) noexcept
      : model_(std::exchange(other.model_, nullptr)), id_(other.id_), position_(other.position_) {}
  ~Reader() {
    if (model_ != nullptr) model_->Close(id_);
  }

  // What follows each of the next tokens.
  absl::StatusOr<std::vector<Distribution>> Read(std::span<const TokenId> tokens) {
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

 private:
  Reader(LanguageModel* model, SequenceId id) : model_(model), id_(id) {}

  LanguageModel* model_;
  SequenceId id_;
  int32_t position_ = 0;
  SamplingOptions sampling_;
};

double LogShare(const Distribution& distribution, TokenId token) {
  return std::log(std::max<double>(distribution.ProbabilityOf(token), kLeastShare));
}

TokenId Likeliest(const Distribution& distribution) {
  const auto best = std::ranges::max_element(distribution.probabilities);
  return distribution.ids[static_cast<size_t>(best - distribution.probabilities.begin())];
}

double Divergence(const Distribution& p, const Distribution& q) {
  double sum = 0;
  size_t other = 0;  // ids ascend
  for (size_t i = 0; i < p.ids.size(); ++i) {
    while (other < q.ids.size() && q.ids[other] < p.ids[i]) ++other;
    const bool listed = other < q.ids.size() && q.ids[other] == p.ids[i];
    const double share = p.probabilities[i], theirs = listed ? q.probabilities[other] : kLeastShare;
    sum += share * std::log(share / theirs);
  }
  return sum;
}

// Sums over positions.
struct Sums {
  int64_t tokens = 0, agreeing = 0;
  double reference_loss = 0, loss = 0, divergence = 0;

  void Add(const Distribution& reference, const Distribution& model, TokenId token) {
    ++tokens;
    agreeing += Likeliest(reference) == Likeliest(model) ? 1 : 0;
    reference_loss -= LogShare(reference, token);
    loss -= LogShare(model, token);
    divergence += Divergence(reference, model);
  }
};

absl::Status AddText(LanguageModel& reference, LanguageModel& model, std::span<const TokenId> tokens,
                     Sums& sums) {
  if (tokens.size() < 2) return absl::OkStatus();
  PASS_ASSIGN_OR_RETURN(Reader first, Reader::Open(reference, tokens.size()));
  PASS_ASSIGN_OR_RETURN(Reader second, Reader::Open(model, tokens.size()));
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += kChunk) {
    const auto part = tokens.subspan(begin, std::min(kChunk, tokens.size() - 1 - begin));
    PASS_ASSIGN_OR_RETURN(const std::vector<Distribution> theirs, first.Read(part));
    PASS_ASSIGN_OR_RETURN(const std::vector<Distribution> ours, second.Read(part));
    for (size_t i = 0; i < part.size(); ++i) sums.Add(theirs[i], ours[i], tokens[begin + i + 1]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Quality>> MeasureQuality(LanguageModel& reference, LanguageModel& model,
                                                    const std::vector<PromptSet>& sets) {
  std::vector<Quality> qualities;
  const auto context =
      static_cast<size_t>(std::min(reference.info().context_length, model.info().context_length));
  for (const PromptSet& set : sets) {
    Sums sums;
    for (const EncodedPrompt& prompt : set.prompts) {
      const std::span<const TokenId> tokens(prompt.ids);
      PASS_RETURN_IF_ERROR(AddText(reference, model, tokens.first(std::min(tokens.size(), context)), sums));
    }
    if (sums.tokens == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(set.name, " has no text of two tokens: name another file"));
    }
    const auto count = static_cast<double>(sums.tokens);
    qualities.push_back({.name = set.name,
                         .tokens = sums.tokens,
                         .reference_perplexity = std::exp(sums.reference_loss / count),
                         .perplexity = std::exp(sums.loss / count),
                         .agreement = static_cast<double>(sums.agreeing) / count,
                         .divergence = sums.divergence / count});
  }
  return qualities;
}

std::string MarkdownOf(const std::vector<Quality>& qualities) {
  std::string text =
      "| texts | tokens | perplexity of the reference | perplexity | ratio | same likeliest token | KL, nats "
      "|\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Quality& q : qualities) {
    absl::StrAppendFormat(&text, "| %s | %d | %.3f | %.3f | %.4f | %.1f %% | %.5f |\n", q.name, q.tokens,
                          q.reference_perplexity, q.perplexity, q.perplexity / q.reference_perplexity,
                          100 * q.agreement, q.divergence);
  }
  return text;
}

}  // namespace pass::bench
