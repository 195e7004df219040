#include "client/demo_table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pass {
namespace {

constexpr const char* kSumsRow = "%-6s%-6s%7s%9s%9s%11s%9s%9s%9s\n";
constexpr const char* kPromptCells = "%-6s%-24s";

struct Sums {
  int64_t tokens = 0;
  int64_t later_tokens = 0;  // after each completion's first, which comes from the prompt's own forward
  int64_t forwards = 0;
  int64_t validation_steps = 0;
  int64_t drafted = 0;
  int64_t accepted = 0;
  double decode_seconds = 0;
};

double Ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

double Speed(const Sums& sums) { return Ratio(static_cast<double>(sums.later_tokens), sums.decode_seconds); }

// `kind`: of the prompts; empty for all.
Sums SumsOf(const std::vector<DemoResult>& results, std::string_view kind, size_t method) {
  Sums sums;
  for (const DemoResult& result : results) {
    if (!kind.empty() && result.prompt.kind != kind) continue;
    const v1::Finish& finish = result.completions.at(method).finish;
    const v1::SpeculationSummary& speculation = finish.speculation();
    sums.tokens += finish.usage().completion_tokens();
    sums.later_tokens += std::max(0, finish.usage().completion_tokens() - 1);
    sums.forwards += speculation.forwards();
    sums.validation_steps += speculation.validation_steps();
    sums.drafted += speculation.drafted();
    sums.accepted += speculation.accepted();
    sums.decode_seconds += finish.timing().decode_seconds();
  }
  return sums;
}

// `plain`: null in plain decoding's own row.
std::string Row(std::string_view kind, std::string_view label, const Sums& sums, const Sums* plain) {
  const auto tokens = static_cast<double>(sums.tokens), accepted = static_cast<double>(sums.accepted);
  std::string acceptance = "-", mean_accepted = "-", speed_up = "-";
  if (sums.drafted > 0) {
    acceptance = absl::StrFormat("%.0f%%", 100 * Ratio(accepted, static_cast<double>(sums.drafted)));
    mean_accepted = absl::StrFormat("%.2f", Ratio(accepted, static_cast<double>(sums.validation_steps)));
  }
  if (plain != nullptr) speed_up = absl::StrFormat("%.2fx", Ratio(Speed(sums), Speed(*plain)));
  return absl::StrFormat(kSumsRow, std::string(kind), std::string(label), absl::StrCat(sums.tokens),
                         absl::StrCat(sums.forwards),
                         absl::StrFormat("%.2f", Ratio(tokens, static_cast<double>(sums.forwards))),
                         acceptance, mean_accepted, absl::StrFormat("%.1f", Speed(sums)), speed_up);
}

// The kinds of the prompts, each once, in the order of their first prompts; last the empty one: all.
std::vector<std::string_view> KindsOf(const std::vector<DemoResult>& results) {
  std::vector<std::string_view> kinds;
  for (const DemoResult& result : results) {
    if (std::find(kinds.begin(), kinds.end(), result.prompt.kind) == kinds.end()) {
      kinds.push_back(result.prompt.kind);
    }
  }
  kinds.emplace_back();
  return kinds;
}

bool SameOutput(const Completion& a, const Completion& b) {
  return a.token_ids == b.token_ids && a.text == b.text && a.finish.reason() == b.finish.reason();
}

}  // namespace

std::string SpeedHeading(const std::vector<DemoMethod>& methods) {
  std::string line = absl::StrFormat(kPromptCells, "", "");
  for (const DemoMethod& method : methods) absl::StrAppendFormat(&line, "%9s", std::string(method.label));
  return line + '\n';
}

std::string SpeedLine(const DemoResult& result) {
  std::string line =
      absl::StrFormat(kPromptCells, std::string(result.prompt.kind), std::string(result.prompt.name));
  for (const Completion& completion : result.completions) {
    absl::StrAppendFormat(&line, "%9.1f", TokensPerSecond(completion.finish));
  }
  return line + '\n';
}

std::string SumsTable(const std::vector<DemoMethod>& methods, const std::vector<DemoResult>& results) {
  std::string table = "                              tokens/                mean\n";
  table += absl::StrFormat(kSumsRow, "", "", "tokens", "forwards", "forward", "acceptance", "accepted",
                           "tokens/s", "speed-up");
  for (const std::string_view kind : KindsOf(results)) {
    const Sums plain = SumsOf(results, kind, 0);
    table += Row(kind.empty() ? "all" : kind, methods.at(0).label, plain, nullptr);
    for (size_t i = 1; i < methods.size(); ++i) {
      table += Row("", methods[i].label, SumsOf(results, kind, i), &plain);
    }
  }
  return table;
}

Comparison CompareOutputs(const std::vector<DemoMethod>& methods, const std::vector<DemoResult>& results) {
  std::string names = std::string(methods.at(0).label), differing;
  for (size_t i = 1; i < methods.size(); ++i) {
    absl::StrAppend(&names, i + 1 == methods.size() ? " and " : ", ", std::string(methods[i].label));
  }
  for (const DemoResult& result : results) {
    for (size_t i = 1; i < methods.size(); ++i) {
      if (SameOutput(result.completions.at(0), result.completions.at(i))) continue;
      absl::StrAppend(&differing, "DIFFERENT from plain: ", std::string(methods[i].label), " on ",
                      std::string(result.prompt.kind), ", ", std::string(result.prompt.name), ".\n");
    }
  }
  if (!differing.empty()) return {.same = false, .text = differing};
  return {.same = true,
          .text = absl::StrCat("All ", results.size(), " texts are byte-identical: ", names,
                               " gave the same tokens,\nthe same text and the same end.\n")};
}

}  // namespace pass
