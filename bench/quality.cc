#include "bench/quality.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/text_reader.h"
#include "core/base/status_macros.h"

namespace pass::bench {
namespace {

constexpr double kLeastShare = 1e-30;  // of a token that a distribution does not list

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
    agreeing += LikeliestToken(reference) == LikeliestToken(model) ? 1 : 0;
    reference_loss -= LogShare(reference, token);
    loss -= LogShare(model, token);
    divergence += Divergence(reference, model);
  }
};

absl::Status AddText(LanguageModel& reference, LanguageModel& model, std::span<const TokenId> tokens,
                     Sums& sums) {
  if (tokens.size() < 2) return absl::OkStatus();
  PASS_ASSIGN_OR_RETURN(TextReader first, TextReader::Open(reference, tokens.size()));
  PASS_ASSIGN_OR_RETURN(TextReader second, TextReader::Open(model, tokens.size()));
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += TextReader::kChunk) {
    const auto part = tokens.subspan(begin, std::min(TextReader::kChunk, tokens.size() - 1 - begin));
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
