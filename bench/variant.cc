#include "bench/variant.h"

#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pass::bench {
namespace {

absl::Status Invalid(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("'", std::string(text), "' ", std::string(problem)));
}

absl::Status ReadPart(const std::string& part, SamplingOptions* options) {
  const std::string value = part.empty() ? part : part.substr(1);
  bool read = false;
  switch (part.empty() ? ' ' : part.front()) {
    case 't':
      read = absl::SimpleAtod(value, &options->temperature);
      break;
    case 'k':
      read = absl::SimpleAtoi(value, &options->top_k);
      break;
    case 'p':
      read = absl::SimpleAtod(value, &options->top_p);
      break;
    case 'm':
      read = absl::SimpleAtod(value, &options->min_p);
      break;
    default:
      break;
  }
  if (!read) return Invalid(part, "is not t<temperature>, k<top-k>, p<top-p> or m<min-p>");
  return absl::OkStatus();
}

bool ReadSetting(const std::string& setting, Variant* variant) {
  constexpr std::string_view kRows = "rows=";
  if (setting == "no-text") {
    variant->text_sources = false;
    return true;
  }
  if (setting.starts_with(kRows)) {
    return absl::SimpleAtoi(setting.substr(kRows.size()), &variant->max_rows) && variant->max_rows >= 1 &&
           variant->max_rows <= kMostRows;
  }
  return absl::SimpleAtoi(setting, &variant->lookahead) && variant->lookahead >= 0;
}

}  // namespace

std::string Variant::Name() const {
  std::string name(MethodName(method));
  if (method == Method::kPlain) return name;
  absl::StrAppend(&name, " L=", lookahead);
  if (max_rows != Variant().max_rows) absl::StrAppend(&name, " rows=", max_rows);
  if (!text_sources) absl::StrAppend(&name, " no-text");
  return name;
}

absl::StatusOr<Variant> ParseVariant(std::string_view text, int default_lookahead) {
  const size_t colon = text.find(':');
  const std::optional<Method> method = MethodOfName(text.substr(0, colon));
  if (!method.has_value()) return Invalid(text, "is no method");
  Variant variant{.method = *method, .lookahead = default_lookahead};
  if (colon == std::string_view::npos) return variant;
  const std::string settings(text.substr(colon + 1));
  for (const std::string& setting : std::vector<std::string>(absl::StrSplit(settings, ','))) {
    if (!ReadSetting(setting, &variant)) {
      return Invalid(text, absl::StrCat("must have L, rows=1..", kMostRows, " or no-text behind the colon"));
    }
  }
  return variant;
}

absl::StatusOr<Sampling> ParseSampling(std::string_view text) {
  Sampling sampling{.name = std::string(text), .options = {.temperature = 0}};
  if (text == "greedy") return sampling;
  sampling.options.temperature = 1;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(sampling.name, '-'))) {
    if (absl::Status status = ReadPart(part, &sampling.options); !status.ok()) return status;
  }
  const std::vector<OptionViolation> violations = sampling.options.Validate();
  if (!violations.empty()) {
    return Invalid(text, absl::StrCat(": ", violations[0].name, " ", violations[0].description));
  }
  return sampling;
}

}  // namespace pass::bench
