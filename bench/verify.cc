#include "bench/verify.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/crowd.h"
#include "bench/generator.h"
#include "core/base/status_macros.h"

namespace pass::bench {
namespace {

// True if `part` is how `whole` begins.
bool Begins(const Completion& whole, const Completion& part) {
  return part.ids.size() <= whole.ids.size() &&
         std::equal(part.ids.begin(), part.ids.end(), whole.ids.begin()) && whole.text.starts_with(part.text);
}

std::string Describe(size_t prompt, const Completion& expected, const Completion& actual) {
  const auto [left, right] =
      std::mismatch(expected.ids.begin(), expected.ids.end(), actual.ids.begin(), actual.ids.end());
  return absl::StrCat("prompt ", prompt + 1, ": ", actual.ids.size(), " tokens for ", expected.ids.size(),
                      ", the first ", left - expected.ids.begin(), " the same, end ",
                      std::string(FinishReasonName(actual.finish.reason)), " for ",
                      std::string(FinishReasonName(expected.finish.reason)));
}

void Note(bool same, size_t prompt, const Completion& expected, const Completion& actual,
          VerifyResult& result) {
  if (same) return;
  if (result.different++ == 0) result.difference = Describe(prompt, expected, actual);
}

// One sampling setting.
class Round {
 public:
  Round(LanguageModel& model, const TextModel& text, const std::vector<EncodedPrompt>& prompts,
        const VerifyOptions& options, const Sampling& sampling, const Clock& clock)
      : model_(model),
        text_(text),
        prompts_(prompts),
        options_(options),
        sampling_(sampling),
        clock_(clock) {}

  absl::Status MakeReference() {
    Generator generator(model_, text_, {.max_sequences = 1, .measuring_time = absl::Seconds(5)}, clock_);
    PASS_ASSIGN_OR_RETURN(reference_, generator.Run(Requests({.method = Method::kPlain})));
    return absl::OkStatus();
  }

  absl::StatusOr<VerifyResult> Alone(const Variant& variant) {
    Generator generator(model_, text_, {.max_sequences = 1, .measuring_time = absl::Seconds(5)}, clock_);
    PASS_ASSIGN_OR_RETURN(const std::vector<Completion> completions, generator.Run(Requests(variant)));
    return CompareAll(variant.Name() + " alone", completions);
  }

  absl::StatusOr<VerifyResult> InCrowd(const std::string& name,
                                       const std::vector<GenerationRequest>& requests) {
    Crowd crowd(model_, text_, options_.batch, options_.seed, clock_);
    PASS_ASSIGN_OR_RETURN(const CrowdResult crowded, crowd.Run(requests));
    VerifyResult result =
        CompareAll(absl::StrCat(name, " in a batch of ", options_.batch), crowded.completions);
    for (const CrowdResult::CutOff& part : crowded.cut_off) {
      const Completion& expected = reference_[part.request];
      Note(Begins(expected, part.completion), part.request, expected, part.completion, result);
      ++result.cut_off;
    }
    return result;
  }

  std::vector<GenerationRequest> Requests(const Variant& variant) const {
    std::vector<GenerationRequest> requests;
    for (const EncodedPrompt& prompt : prompts_) {
      requests.push_back(
          MakeRequest(prompt, variant, sampling_.options, options_.tokens, options_.seed + requests.size()));
    }
    return requests;
  }

  // Each with a method of its own.
  std::vector<GenerationRequest> MixedRequests(const std::vector<Variant>& variants) const {
    std::mt19937_64 random(options_.seed);
    std::vector<GenerationRequest> requests = Requests(variants.front());
    for (GenerationRequest& request : requests) {
      const Variant& variant = variants[random() % variants.size()];
      request.method = variant.method;
      request.lookahead = variant.lookahead;
      request.max_rows = variant.max_rows;
    }
    return requests;
  }

 private:
  VerifyResult CompareAll(const std::string& name, const std::vector<Completion>& completions) const {
    VerifyResult result;
    result.name = absl::StrCat(sampling_.name, ", ", name);
    for (size_t i = 0; i < completions.size(); ++i) {
      Note(SameOutput(reference_[i], completions[i]), i, reference_[i], completions[i], result);
      ++result.compared;
      result.forwards += completions[i].finish.speculation.forwards;
      result.tokens += static_cast<int64_t>(completions[i].ids.size());
    }
    return result;
  }

  LanguageModel& model_;
  const TextModel& text_;
  const std::vector<EncodedPrompt>& prompts_;
  const VerifyOptions& options_;
  const Sampling& sampling_;
  const Clock& clock_;
  std::vector<Completion> reference_;
};

// Those that promise plain's bytes with this sampling.
std::vector<Variant> Promising(const std::vector<Variant>& variants, const Sampling& sampling) {
  std::vector<Variant> promising;
  for (const Variant& variant : variants) {
    if (variant.method != Method::kPass || sampling.options.greedy()) promising.push_back(variant);
  }
  return promising;
}

}  // namespace

std::vector<EncodedPrompt> PromptsToVerify(const std::vector<PromptSet>& sets, int count) {
  std::vector<EncodedPrompt> prompts;
  for (const PromptSet& set : sets) prompts.insert(prompts.end(), set.prompts.begin(), set.prompts.end());
  const auto wanted = static_cast<size_t>(count);
  for (size_t i = 0; i < prompts.size() && prompts.size() < wanted; ++i) {
    if (prompts[i].ids.size() < 4) continue;
    EncodedPrompt half = prompts[i];
    half.ids.resize(half.ids.size() / 2);
    prompts.push_back(std::move(half));
  }
  if (prompts.size() > wanted) prompts.resize(wanted);
  return prompts;
}

absl::StatusOr<std::vector<VerifyResult>> Verify(LanguageModel& model, const TextModel& text,
                                                 const std::vector<EncodedPrompt>& prompts,
                                                 const VerifyOptions& options, const Clock& clock,
                                                 const std::function<void(const VerifyResult&)>& progress) {
  std::vector<VerifyResult> results;
  const auto add = [&](VerifyResult result) {
    if (progress) progress(result);
    results.push_back(std::move(result));
  };
  for (const Sampling& sampling : options.samplings) {
    const std::vector<Variant> variants = Promising(options.variants, sampling);
    if (variants.empty()) continue;
    Round round(model, text, prompts, options, sampling, clock);
    PASS_RETURN_IF_ERROR(round.MakeReference());
    for (const Variant& variant : variants) {
      if (variant.method != Method::kPlain) {
        PASS_ASSIGN_OR_RETURN(VerifyResult alone, round.Alone(variant));
        add(std::move(alone));
      }
      PASS_ASSIGN_OR_RETURN(VerifyResult crowded, round.InCrowd(variant.Name(), round.Requests(variant)));
      add(std::move(crowded));
    }
    if (variants.size() < 2) continue;
    PASS_ASSIGN_OR_RETURN(VerifyResult mixed, round.InCrowd("all methods", round.MixedRequests(variants)));
    add(std::move(mixed));
  }
  return results;
}

}  // namespace pass::bench
