#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report.h"

namespace pass::bench {
namespace {

std::string LookaheadWords(const Subject& subject) {
  if (subject.model.num_lookahead == 0) return "no look-ahead tokens";
  return absl::StrCat(subject.lookahead_file, " (L = ", subject.model.num_lookahead,
                      subject.model.has_adapter ? ", adapter" : "", subject.model.has_head ? ", head" : "",
                      ")");
}

std::string SubjectLine(const Subject& subject) {
  const std::string machine = absl::StrFormat(
      "%s, %d threads, memory reads %.0f GB/s, load average before %.1f, LibTorch %s, %s",
      subject.machine.cpu, subject.machine.threads, subject.machine.memory_read_bytes_per_second / 1e9,
      subject.machine.load_average, subject.libtorch, subject.date);
  const bool quantised = !subject.model.weights.empty() && subject.model.weights != subject.model.dtype;
  return absl::StrCat(subject.model.name, " in ", subject.model.dtype,
                      quantised ? absl::StrCat(" with weights ", subject.model.weights) : "",
                      ", fingerprint ", subject.model.fingerprint, "; ", LookaheadWords(subject), "; ",
                      machine, ".\n");
}

std::string WithSpread(const Spread& spread, int decimals) {
  if (spread.least == spread.most) return absl::StrFormat("%.*f", decimals, spread.median);
  return absl::StrFormat("%.*f (%.*f to %.*f)", decimals, spread.median, decimals, spread.least, decimals,
                         spread.most);
}

std::string Percent(double share) { return absl::StrFormat("%.0f %%", 100 * share); }

// "0.71 0.55 0.40": of the validation steps that proposed a draft at the position.
std::string ByPosition(const Figures& figures) {
  std::string words;
  for (size_t i = 0; i < figures.drafted_by_position.size(); ++i) {
    const auto drafted = static_cast<double>(figures.drafted_by_position[i]);
    const auto accepted = static_cast<double>(figures.accepted_by_position[i]);
    absl::StrAppendFormat(&words, "%s%.2f", i == 0 ? "" : " ", drafted > 0 ? accepted / drafted : 0.0);
  }
  return words;
}

std::string Line(const Cell& cell) {
  const Figures& all = cell.all;
  std::string line = absl::StrCat("| ", cell.set, " | ", cell.variant.Name(), " | ",
                                  WithSpread(all.tokens_per_second, 1), " | ", WithSpread(all.speedup, 2));
  absl::StrAppend(&line, " | ",
                  cell.without_loops.units > 0 ? WithSpread(cell.without_loops.speedup, 2) : std::string(),
                  " | ", Percent(all.looping_share), " | ", Percent(all.identical_share),
                  absl::StrFormat(" | %.2f", all.tokens_per_forward));
  if (all.drafted_by_position.empty()) return line + " | | | |\n";
  absl::StrAppendFormat(&line, " | %s | %.2f | %s |\n", Percent(all.acceptance_rate),
                        all.mean_accepted_length, ByPosition(all));
  return line;
}

std::string Line(const Mean& mean) {
  std::string line =
      absl::StrFormat("| text sets, geometric mean | %s | | %.2f | ", mean.variant.Name(), mean.speedup);
  if (mean.speedup_without_loops > 0) absl::StrAppendFormat(&line, "%.2f", mean.speedup_without_loops);
  return line + " | | | | | | |\n";
}

constexpr char kColumns[] =
    "| prompts | method | tokens/s | speed-up | without loops | loops | same as plain | tokens/forward "
    "| acceptance | mean accepted | accepted at position 1, 2, ... |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

}  // namespace

double LeastSeconds(const Subject& subject, int rows) {
  const bool narrow = subject.model.dtype == "bf16";
  if (subject.model.device != "cpu" || subject.num_weights == 0) return 0;
  if (subject.model.weights != subject.model.dtype) return 0;
  if (narrow && absl::EndsWith(subject.instruction_set, "bf16")) return 0;
  const auto weights = static_cast<double>(subject.num_weights);
  // With VNNI bf16 is computed in k16 (core/kernels/quantized.h): an instruction multiplies two numbers a lane, and is as fast as a
  // multiply-add of one.
  const bool in_pairs = narrow && subject.instruction_set == "avx512vnni";
  return std::max(weights * (narrow ? 2 : 4) / subject.machine.memory_read_bytes_per_second,
                  2 * weights * rows / (subject.machine.operations_per_second * (in_pairs ? 2 : 1)));
}

std::string MarkdownOf(const Subject& subject, const CompareOptions& options, const Comparison& comparison) {
  std::string page = SubjectLine(subject);
  absl::StrAppend(&page, options.tokens, " tokens, ", options.repetitions,
                  " repetitions over all prompts in turns: median (least to most).\n");
  for (size_t i = 0, m = 0; i < comparison.cells.size();) {
    const Cell& first = comparison.cells[i];
    absl::StrAppend(&page, "\n", first.sampling, ", batch ", first.batch, "\n\n", kColumns);
    const auto same = [&](const auto& row) {
      return row.sampling == first.sampling && row.batch == first.batch;
    };
    for (; i < comparison.cells.size() && same(comparison.cells[i]); ++i) {
      absl::StrAppend(&page, Line(comparison.cells[i]));
    }
    for (; m < comparison.means.size() && same(comparison.means[m]); ++m) {
      if (comparison.means[m].variant.method != Method::kPlain) {
        absl::StrAppend(&page, Line(comparison.means[m]));
      }
    }
  }
  return page;
}

std::string MarkdownOf(const Subject& subject, int context, const std::vector<ForwardCost>& costs) {
  const bool least_known = LeastSeconds(subject, 1) > 0;
  std::string page =
      absl::StrFormat("%sContext %d; %s: %.0f GFLOP/s of multiply-adds in fp32.\n\n", SubjectLine(subject),
                      context, subject.instruction_set, subject.machine.operations_per_second / 1e9);
  absl::StrAppend(&page, "| rows | median ms | fastest ms | t(rows)/t(1) |",
                  least_known ? " least ms | median/least |" : "", "\n| --- | --- | --- | --- |",
                  least_known ? " --- | --- |" : "", "\n");
  for (const ForwardCost& cost : costs) {
    absl::StrAppendFormat(&page, "| %d | %.2f | %.2f | %.2f |", cost.rows, cost.median_seconds * 1e3,
                          cost.fastest_seconds * 1e3, cost.median_seconds / costs.front().median_seconds);
    if (least_known) {
      const double least = LeastSeconds(subject, cost.rows);
      absl::StrAppendFormat(&page, " %.2f | %.2f |", least * 1e3, cost.median_seconds / least);
    }
    absl::StrAppend(&page, "\n");
  }
  return page;
}

std::string MarkdownOf(const Subject& subject, int tokens, const std::vector<GreedyAgreement>& agreements) {
  std::string page = absl::StrCat(
      SubjectLine(subject), "Greedy, ", tokens, " tokens a text at most.\n\n",
      "| prompts | texts | all tokens the reference's | tokens | the reference's | largest gap, nats |\n"
      "| --- | --- | --- | --- | --- | --- |\n");
  for (const GreedyAgreement& a : agreements) {
    absl::StrAppendFormat(&page, "| %s | %d | %d | %d | %d | %.4f |\n", a.name, a.texts, a.same_texts,
                          a.tokens, a.same, a.largest_gap);
  }
  return page;
}

}  // namespace pass::bench
