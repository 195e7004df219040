#include "bench/variant.h"

#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pass::bench {
namespace {

constexpr int kMaxMethods = 8;

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

}  // namespace

std::string Variant::Name() const {
  const std::string name(MethodName(method));
  if (method == Method::kPlain || method == Method::kAuto) return name;
  return absl::StrCat(name, " L=", lookahead);
}

absl::StatusOr<Variant> ParseVariant(std::string_view text, int default_lookahead) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  Variant variant{.method = Method::kPlain, .lookahead = default_lookahead};
  const std::string_view no_method = MethodName(static_cast<Method>(kMaxMethods));
  bool known = false;
  for (uint8_t i = 0; i < kMaxMethods && !known; ++i) {
    variant.method = static_cast<Method>(i);
    known = name == MethodName(variant.method) && name != no_method;
  }
  if (!known) return Invalid(text, "is no method");
  if (colon == std::string_view::npos) return variant;
  if (!absl::SimpleAtoi(std::string(text.substr(colon + 1)), &variant.lookahead) || variant.lookahead < 0) {
    return Invalid(text, "must have the number of look-ahead tokens behind the colon");
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
  const std::vector<FieldViolation> violations = sampling.options.Validate();
  if (!violations.empty()) {
    return Invalid(text, absl::StrCat(": ", violations[0].field, " ", violations[0].description));
  }
  return sampling;
}

}  // namespace pass::bench
