#include "bench/greedy.h"

#include <algorithm>
#include <span>
#include <utility>

#include "bench/generator.h"
#include "bench/text_reader.h"
#include "core/base/status_macros.h"

namespace pass::bench {
namespace {

absl::StatusOr<std::vector<TokenId>> Write(Generator& generator, const EncodedPrompt& prompt, int tokens) {
  std::vector<GenerationRequest> requests = {
      MakeRequest(prompt, {.method = Method::kPlain}, {.temperature = 0}, tokens, /*seed=*/1)};
  PASS_ASSIGN_OR_RETURN(std::vector<Completion> completions, generator.Run(std::move(requests)));
  return std::move(completions.front().ids);
}

// Adds one text. Its tokens are those of `all` from index `first` on.
absl::Status Judge(LanguageModel& reference, std::span<const TokenId> all, size_t first,
                   GreedyAgreement& agreement) {
  PASS_ASSIGN_OR_RETURN(TextReader reader, TextReader::Open(reference, all.size()));
  int64_t same = 0;
  for (size_t begin = 0; begin + 1 < all.size(); begin += TextReader::kChunk) {
    const auto part = all.subspan(begin, std::min(TextReader::kChunk, all.size() - 1 - begin));
    PASS_ASSIGN_OR_RETURN(const std::vector<Distribution> expected, reader.Read(part));
    for (size_t i = 0; i < part.size(); ++i) {
      const size_t index = begin + i + 1;  // of the token that is expected
      if (index < first) continue;
      const TokenId likeliest = LikeliestToken(expected[i]);
      if (likeliest == all[index]) {
        ++same;
        continue;
      }
      const double gap = LogShare(expected[i], likeliest) - LogShare(expected[i], all[index]);
      agreement.largest_gap = std::max(agreement.largest_gap, gap);
    }
  }
  const auto written = static_cast<int64_t>(all.size() - first);
  ++agreement.texts;
  if (same == written) ++agreement.same_texts;
  agreement.tokens += written;
  agreement.same += same;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<GreedyAgreement>> CompareGreedy(LanguageModel& reference, LanguageModel& model,
                                                           const TextModel& text,
                                                           const std::vector<PromptSet>& sets, int tokens,
                                                           const Clock& clock) {
  Generator generator(model, text, {.max_sequences = 1}, clock);
  std::vector<GreedyAgreement> agreements;
  for (const PromptSet& set : sets) {
    GreedyAgreement& agreement = agreements.emplace_back();
    agreement.name = set.name;
    for (const EncodedPrompt& prompt : set.prompts) {
      PASS_ASSIGN_OR_RETURN(const std::vector<TokenId> written, Write(generator, prompt, tokens));
      std::vector<TokenId> all = prompt.ids;
      all.insert(all.end(), written.begin(), written.end());
      PASS_RETURN_IF_ERROR(Judge(reference, all, prompt.ids.size(), agreement));
    }
  }
  return agreements;
}

}  // namespace pass::bench
