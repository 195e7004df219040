// tokenizer.json: what happens to text before merges (normalizer, pre_tokenizer) and to tokens after (decoder).
#include <utility>

#include "core/base/status_macros.h"
#include "core/text/json_members.h"
#include "core/text/pre_tokenizers.h"
#include "core/text/tokenizer_json.h"

namespace pass {
namespace {

constexpr std::string_view kWordMark = "\xE2\x96\x81";  // U+2581

// The steps of a sequence, or the one step; none where the value is null.
Json StepsOf(const Json& value, const char* list) {
  if (value.is_null()) return Json::array();
  const Json& steps = Member(value, list);
  return Text(value, "type") == "Sequence" && steps.is_array() ? steps : Json::array({value});
}

absl::Status Unsupported(const std::string& path, std::string_view key, const Json& step,
                         std::string_view supported) {
  return RefuseKey(
      path, key,
      absl::StrCat("'", Text(step, "type"), "' in this form is not supported; ", std::string(supported)));
}

absl::Status ReadNormalizer(const std::string& path, const Json& root, TokenizerSpec* spec) {
  for (const Json& step : StepsOf(Member(root, "normalizer"), "normalizers")) {
    const std::string type = Text(step, "type");
    const std::string pattern = Text(Member(step, "pattern"), "String");
    if (type == "NFC") {
      spec->normalizer.push_back({.kind = NormalizerStep::Kind::kNfc});
    } else if (type == "Prepend" && Member(step, "prepend").is_string()) {
      spec->normalizer.push_back({.kind = NormalizerStep::Kind::kPrepend, .content = Text(step, "prepend")});
    } else if (type == "Replace" && !pattern.empty() && Member(step, "content").is_string()) {
      spec->normalizer.push_back(
          {.kind = NormalizerStep::Kind::kReplace, .pattern = pattern, .content = Text(step, "content")});
    } else {
      return Unsupported(path, "normalizer", step, "NFC, Prepend and Replace of a text are");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SplitStep::Behavior> ReadBehavior(const std::string& path, const Json& step) {
  const std::string behavior = Text(step, "behavior");
  if (behavior == "Isolated") return SplitStep::Behavior::kIsolated;
  if (behavior == "Removed") return SplitStep::Behavior::kRemoved;
  if (behavior == "MergedWithPrevious") return SplitStep::Behavior::kMergedWithPrevious;
  if (behavior == "MergedWithNext") return SplitStep::Behavior::kMergedWithNext;
  return RefuseKey(path, "pre_tokenizer.behavior", absl::StrCat("'", behavior, "' is not supported"));
}

absl::Status ReadSplit(const std::string& path, const Json& step, TokenizerSpec* spec) {
  SplitStep split;
  const Json& pattern = Member(step, "pattern");
  split.is_expression = Member(pattern, "Regex").is_string();
  split.pattern = Text(pattern, split.is_expression ? "Regex" : "String");
  split.invert = Flag(step, "invert", false);
  PASS_ASSIGN_OR_RETURN(split.behavior, ReadBehavior(path, step));
  if (split.pattern.empty()) return RefuseKey(path, "pre_tokenizer.pattern", "is empty");
  if (split.is_expression) {
    const auto expression = RegularExpression::Create(split.pattern);
    if (!expression.ok()) {
      return RefuseKey(path, "pre_tokenizer", std::string(expression.status().message()));
    }
  }
  spec->splits.push_back(std::move(split));
  return absl::OkStatus();
}

absl::Status ReadWordMarks(const std::string& path, const Json& step, TokenizerSpec* spec) {
  const std::string scheme = Text(step, "prepend_scheme");
  if (Text(step, "replacement") != kWordMark || !spec->splits.empty() || spec->word_marks ||
      (scheme != "first" && scheme != "always" && scheme != "never")) {
    return Unsupported(path, "pre_tokenizer", step, "as the first step, with U+2581, it is");
  }
  spec->word_marks = WordMarks{.where = scheme == "first"    ? WordMarks::Where::kAtTheStart
                                        : scheme == "always" ? WordMarks::Where::kEverywhere
                                                             : WordMarks::Where::kNowhere,
                               .split = Flag(step, "split", true)};
  return absl::OkStatus();
}

absl::Status ReadPreTokenizer(const std::string& path, const Json& root, TokenizerSpec* spec) {
  spec->alphabet = Alphabet::kCharacters;
  for (const Json& step : StepsOf(Member(root, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = Text(step, "type");
    if (spec->alphabet == Alphabet::kBytes)
      return Unsupported(path, "pre_tokenizer", step, "after ByteLevel none is");
    if (type == "Split") {
      PASS_RETURN_IF_ERROR(ReadSplit(path, step, spec));
    } else if (type == "Digits") {
      spec->splits.push_back({.pattern = Flag(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)"});
    } else if (type == "Metaspace") {
      PASS_RETURN_IF_ERROR(ReadWordMarks(path, step, spec));
    } else if (type == "ByteLevel" && !Flag(step, "add_prefix_space", true)) {
      if (Flag(step, "use_regex", true)) spec->splits.push_back(Gpt2Split());
      spec->alphabet = Alphabet::kBytes;
    } else {
      return Unsupported(path, "pre_tokenizer", step,
                         "Split, Digits, Metaspace and ByteLevel without a prefix space are");
    }
  }
  return absl::OkStatus();
}

// Bytes: ByteLevel, or nothing said. Characters: U+2581 to a space, bytes, and perhaps the first space away.
absl::Status ReadDecoder(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& decoder = Member(root, "decoder");
  if (spec->alphabet == Alphabet::kBytes) {
    if (decoder.is_null() || Text(decoder, "type") == "ByteLevel") return absl::OkStatus();
    return Unsupported(path, "decoder", decoder, "with a ByteLevel pre_tokenizer ByteLevel is");
  }
  bool replaces = false;
  bool takes_bytes = false;
  for (const Json& step : StepsOf(decoder, "decoders")) {
    const std::string type = Text(step, "type");
    if (type == "Replace" && Text(Member(step, "pattern"), "String") == kWordMark &&
        Text(step, "content") == " ") {
      replaces = true;
    } else if (type == "ByteFallback") {
      takes_bytes = true;
    } else if (type == "Strip" && Text(step, "content") == " " && Member(step, "start") == 1 &&
               Member(step, "stop") == 0) {
      spec->strips_first_space = true;
    } else if (type != "Fuse") {
      return Unsupported(path, "decoder", step, "Replace of U+2581, ByteFallback, Fuse and Strip are");
    }
  }
  if (replaces && takes_bytes) return absl::OkStatus();
  return RefuseKey(
      path, "decoder",
      "is not supported where pre_tokenizer has no ByteLevel; Replace of U+2581 and ByteFallback are");
}

}  // namespace

absl::Status ReadTextSteps(const std::string& path, const nlohmann::json& root, TokenizerSpec* spec) {
  PASS_RETURN_IF_ERROR(ReadNormalizer(path, root, spec));
  PASS_RETURN_IF_ERROR(ReadPreTokenizer(path, root, spec));
  const bool byte_fallback = Flag(Member(root, "model"), "byte_fallback", false);
  if (byte_fallback && spec->alphabet == Alphabet::kBytes) {
    return RefuseKey(path, "model.byte_fallback", "true is not supported with a ByteLevel pre_tokenizer");
  }
  if (!byte_fallback && spec->alphabet == Alphabet::kCharacters) {
    return RefuseKey(path, "pre_tokenizer",
                     absl::StrCat("'", Text(Member(root, "pre_tokenizer"), "type"),
                                  "' without ByteLevel is supported only where model.byte_fallback is true"));
  }
  return ReadDecoder(path, root, spec);
}

}  // namespace pass
