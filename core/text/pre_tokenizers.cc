#include "core/text/pre_tokenizers.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pass {
namespace {

constexpr char kGpt2[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr char kDigit[] = R"(\p{N})";
constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kQwen2[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kTekken[] = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                           R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                           R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kGpt4o[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// DeepSeek cuts three times: numbers, Chinese and Japanese, and then the rest.
constexpr char kDeepSeekNumbers[] = R"(\p{N}{1,3})";
constexpr char kDeepSeekEastAsian[] = "[一-龥\u3040-ゟ゠-ヿ]+";
constexpr char kDeepSeek[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Named {
  std::string_view name;
  std::vector<std::string_view> expressions;
  bool composes = false;
  bool ignore_merges = false;
  bool adds_bos = false;
};

const std::vector<Named>& Families() {
  static const auto* const kFamilies = new std::vector<Named>{
      {.name = "gpt-2", .expressions = {kGpt2}},
      {.name = "gpt2", .expressions = {kGpt2}},
      {.name = "smollm", .expressions = {kDigit, kGpt2}},
      {.name = "refact", .expressions = {kDigit, kGpt2}},  // Granite, StarCoder
      {.name = "starcoder", .expressions = {kDigit, kGpt2}},
      {.name = "llama-bpe", .expressions = {kLlama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "llama3", .expressions = {kLlama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "llama-v3", .expressions = {kLlama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "smaug-bpe", .expressions = {kLlama3}},
      {.name = "dbrx", .expressions = {kLlama3}},  // OLMo 2, Granite 4
      {.name = "qwen2", .expressions = {kQwen2}, .composes = true},
      {.name = "deepseek-r1-qwen", .expressions = {kQwen2}, .composes = true},
      {.name = "tekken", .expressions = {kTekken}, .ignore_merges = true, .adds_bos = true},
      {.name = "gpt-4o", .expressions = {kGpt4o}},
      {.name = "deepseek-v3", .expressions = {kDeepSeekNumbers, kDeepSeekEastAsian, kDeepSeek}},
  };
  return *kFamilies;
}

}  // namespace

SplitStep Gpt2Split() { return {.pattern = kGpt2}; }

absl::StatusOr<PreTokenizerFamily> FindPreTokenizer(std::string_view name) {
  std::vector<std::string> names;
  for (const Named& named : Families()) {
    names.emplace_back(named.name);
    if (named.name != name) continue;
    PreTokenizerFamily family{.ignore_merges = named.ignore_merges, .adds_bos = named.adds_bos};
    for (const std::string_view expression : named.expressions) {
      family.splits.push_back({.pattern = std::string(expression)});
    }
    if (named.composes) family.normalizer.push_back({.kind = NormalizerStep::Kind::kNfc});
    return family;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(name), "' is not supported; known are ", absl::StrJoin(names, ", ")));
}

}  // namespace pass
