#include "bench/compare.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/generator.h"
#include "core/base/status_macros.h"
#include "core/corpus/looping.h"

namespace pass::bench {
namespace {

constexpr uint64_t kSeedStep = 1'000'003;  // between repetitions: more than any set has prompts

// One batch size and one sampling setting: the engines, and what they are measured on.
class Series {
 public:
  Series(LanguageModel& model, const TextModel& text, const CompareOptions& options, int batch,
         const Sampling& sampling, const Clock& clock)
      : options_(options), batch_(batch), sampling_(sampling), clock_(clock) {
    variants_.push_back({.method = Method::kPlain});
    variants_.insert(variants_.end(), options.variants.begin(), options.variants.end());
    for (size_t i = 0; i < variants_.size(); ++i) {
      const EngineOptions engine{.max_sequences = batch,
                                 .text_sources = variants_[i].text_sources,
                                 .measuring_time = absl::Seconds(5)};
      generators_.push_back(std::make_unique<Generator>(model, text, engine, clock));
    }
  }

  absl::Status WarmUp(const PromptSet& set) {
    const std::vector<Unit> units = Cut(set);
    for (int i = 0; i < options_.warm_up; ++i) {
      for (size_t v = 0; v < variants_.size(); ++v) {
        PASS_RETURN_IF_ERROR(Measure(v, units[i % units.size()], /*seed=*/0).status());
      }
    }
    return absl::OkStatus();
  }

  // Whoever comes first on a unit comes later on the next, so that no place in the row is an advantage.
  absl::Status RunSet(const PromptSet& set, int repetition) {
    std::vector<std::vector<Pair>>& pairs = pairs_[&set];
    pairs.resize(variants_.size());
    uint64_t seed = options_.seed + kSeedStep * static_cast<uint64_t>(repetition);
    size_t first = static_cast<size_t>(repetition);
    for (const Unit& unit : Cut(set)) {
      std::vector<Result> results(variants_.size());
      for (size_t i = 0; i < variants_.size(); ++i) {
        const size_t v = (first + i) % variants_.size();
        PASS_ASSIGN_OR_RETURN(results[v], Measure(v, unit, seed));
      }
      for (size_t v = 0; v < variants_.size(); ++v) {
        pairs[v].push_back(MakePair(repetition, results[0], results[v]));
      }
      seed += unit.size();
      ++first;
    }
    return absl::OkStatus();
  }

  std::vector<Cell> Cells(const PromptSet& set) const {
    std::vector<Cell> cells;
    for (size_t v = 0; v < variants_.size(); ++v) {
      const std::vector<Pair>& pairs = pairs_.at(&set)[v];
      cells.push_back({.set = set.name,
                       .sampling = sampling_.name,
                       .batch = batch_,
                       .variant = variants_[v],
                       .all = Summarize(pairs),
                       .without_loops = batch_ == 1 ? Summarize(WithoutLoops(pairs)) : Figures{}});
    }
    return cells;
  }

 private:
  using Unit = std::vector<const EncodedPrompt*>;
  struct Result {
    Measurement measurement;
    std::vector<Completion> completions;
  };

  std::vector<Unit> Cut(const PromptSet& set) const {
    const size_t size = batch_ == 1 ? 1 : static_cast<size_t>(batch_) * 2;
    std::vector<Unit> units;
    for (const EncodedPrompt& prompt : set.prompts) {
      if (units.empty() || units.back().size() == size) units.emplace_back();
      units.back().push_back(&prompt);
    }
    // A last unit that cannot fill the batch would measure another batch.
    if (units.size() > 1 && units.back().size() < static_cast<size_t>(batch_)) units.pop_back();
    return units;
  }

  absl::StatusOr<Result> Measure(size_t variant, const Unit& unit, uint64_t seed) {
    std::vector<GenerationRequest> requests;
    for (const EncodedPrompt* prompt : unit) {
      requests.push_back(
          MakeRequest(*prompt, variants_[variant], sampling_.options, options_.tokens, seed++));
    }
    const absl::Time start = clock_.Now();
    Result result;
    PASS_ASSIGN_OR_RETURN(result.completions, generators_[variant]->Run(std::move(requests)));
    absl::Duration time = clock_.Now() - start;
    if (batch_ == 1) time = result.completions.front().finish.timing.decode;
    result.measurement.seconds = absl::ToDoubleSeconds(time);
    for (const Completion& completion : result.completions) {
      result.measurement.tokens += completion.finish.completion_tokens;
      AddTo(result.measurement.speculation, completion.finish.speculation);
    }
    return result;
  }

  static Pair MakePair(int repetition, const Result& plain, const Result& variant) {
    Pair pair{.repetition = repetition,
              .plain = plain.measurement,
              .variant = variant.measurement,
              .outputs = static_cast<int>(variant.completions.size())};
    for (size_t i = 0; i < variant.completions.size(); ++i) {
      const Completion& left = plain.completions[i];
      const Completion& right = variant.completions[i];
      if (SameOutput(left, right)) ++pair.identical;
      if (IsLooping(left.ids) || IsLooping(right.ids)) ++pair.looping;
    }
    return pair;
  }

  const CompareOptions& options_;
  const int batch_;
  const Sampling& sampling_;
  const Clock& clock_;
  std::vector<Variant> variants_;  // plain first
  std::vector<std::unique_ptr<Generator>> generators_;
  std::map<const PromptSet*, std::vector<std::vector<Pair>>> pairs_;  // one vector per variant
};

bool IsText(const PromptSet& set) {
  return std::none_of(set.prompts.begin(), set.prompts.end(),
                      [](const EncodedPrompt& prompt) { return prompt.chat; });
}

// `cells`: of one series; `text_sets`: the names that the means are over.
std::vector<Mean> MeansOf(const std::vector<Cell>& cells, const std::vector<std::string>& text_sets) {
  std::vector<Mean> means;
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> speedups;
  for (const Cell& cell : cells) {
    if (std::find(text_sets.begin(), text_sets.end(), cell.set) == text_sets.end()) continue;
    auto& [all, without_loops] = speedups[cell.variant.Name()];
    if (all.empty()) {
      means.push_back({.sampling = cell.sampling, .batch = cell.batch, .variant = cell.variant});
    }
    all.push_back(cell.all.speedup.median);
    if (cell.without_loops.units > 0) without_loops.push_back(cell.without_loops.speedup.median);
  }
  for (Mean& mean : means) {
    const auto& [all, without_loops] = speedups[mean.variant.Name()];
    mean.speedup = GeometricMean(all);
    if (without_loops.size() == all.size()) mean.speedup_without_loops = GeometricMean(without_loops);
  }
  return means;
}

}  // namespace

absl::StatusOr<Comparison> Compare(LanguageModel& model, const TextModel& text,
                                   const std::vector<PromptSet>& sets, const CompareOptions& options,
                                   const Clock& clock,
                                   const std::function<void(std::string_view)>& progress) {
  std::vector<std::string> text_sets;
  for (const PromptSet& set : sets) {
    if (IsText(set)) text_sets.push_back(set.name);
  }
  Comparison comparison;
  for (const int batch : options.batches) {
    for (const Sampling& sampling : options.samplings) {
      Series series(model, text, options, batch, sampling, clock);
      PASS_RETURN_IF_ERROR(series.WarmUp(sets.front()));
      for (int repetition = 0; repetition < options.repetitions; ++repetition) {
        for (const PromptSet& set : sets) {
          if (progress) {
            progress(absl::StrCat("batch ", batch, ", ", sampling.name, ", repetition ", repetition + 1,
                                  " of ", options.repetitions, ", ", set.name));
          }
          PASS_RETURN_IF_ERROR(series.RunSet(set, repetition));
        }
      }
      std::vector<Cell> cells;
      for (const PromptSet& set : sets) {
        const std::vector<Cell> of_set = series.Cells(set);
        cells.insert(cells.end(), of_set.begin(), of_set.end());
      }
      const std::vector<Mean> means = MeansOf(cells, text_sets);
      comparison.cells.insert(comparison.cells.end(), cells.begin(), cells.end());
      comparison.means.insert(comparison.means.end(), means.begin(), means.end());
    }
  }
  return comparison;
}

}  // namespace pass::bench
