#include "core/model/lookahead/lookahead_file.h"

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/printable.h"
#include "core/files/safetensors.h"
#include "core/model/lookahead/lookahead_tensors.h"

namespace pass {
namespace {

constexpr const char kFormat[] = "pass-lookahead";
constexpr const char kVersion[] = "1";
constexpr int64_t kMaxLookahead = 64;  // far more than pays

using Metadata = std::map<std::string, std::string, std::less<>>;

struct NumberField {
  const char* key;
  int64_t LookaheadFacts::*member;
};
struct TextField {
  const char* key;
  std::string LookaheadFacts::*member;
};

// What must be the model's own.
constexpr NumberField kShapeFields[] = {{"width", &LookaheadFacts::width},
                                        {"layers", &LookaheadFacts::layers},
                                        {"heads", &LookaheadFacts::heads},
                                        {"kv_heads", &LookaheadFacts::kv_heads},
                                        {"vocabulary", &LookaheadFacts::vocabulary}};
constexpr NumberField kLookaheadField = {"num_lookahead", &LookaheadFacts::num_lookahead};
constexpr TextField kTextFields[] = {{"architecture", &LookaheadFacts::architecture},
                                     {"base_fingerprint", &LookaheadFacts::base_fingerprint},
                                     {"base_model", &LookaheadFacts::base_model},
                                     {"recipe", &LookaheadFacts::recipe}};

absl::Status Error(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<std::string> ReadText(const SafetensorsFile& file, const char* key) {
  const auto entry = file.metadata().find(key);
  if (entry != file.metadata().end()) return entry->second;
  return Error(file.path(), absl::StrCat("metadata ", key, " is missing; name a look-ahead file"));
}

absl::StatusOr<int64_t> ReadNumber(const SafetensorsFile& file, const char* key) {
  PASS_ASSIGN_OR_RETURN(const std::string text, ReadText(file, key));
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value) && value > 0) return value;
  return Error(file.path(), absl::StrCat("metadata ", key, " is ", Printable(text),
                                         ", not a positive number; write the file again"));
}

absl::StatusOr<LookaheadFacts> ReadFacts(const SafetensorsFile& file) {
  PASS_ASSIGN_OR_RETURN(const std::string format, ReadText(file, "format"));
  if (format != kFormat) {
    return Error(file.path(), absl::StrCat("metadata format is ", Printable(format), ", not '", kFormat,
                                           "'; name a look-ahead file"));
  }
  PASS_ASSIGN_OR_RETURN(const std::string version, ReadText(file, "version"));
  if (version != kVersion) {
    return Error(file.path(),
                 absl::StrCat("metadata version is ", Printable(version), ", this program reads '", kVersion,
                              "'; use a program of the file's version"));
  }
  LookaheadFacts facts;
  for (const NumberField& field : kShapeFields) {
    PASS_ASSIGN_OR_RETURN(facts.*field.member, ReadNumber(file, field.key));
  }
  PASS_ASSIGN_OR_RETURN(facts.num_lookahead, ReadNumber(file, kLookaheadField.key));
  for (const TextField& field : kTextFields) {
    PASS_ASSIGN_OR_RETURN(facts.*field.member, ReadText(file, field.key));
  }
  if (facts.num_lookahead > kMaxLookahead) {
    return Error(file.path(), absl::StrCat("metadata num_lookahead is ", facts.num_lookahead, ", at most ",
                                           kMaxLookahead, " is read; write the file again"));
  }
  return facts;
}

absl::Status CheckFits(const std::string& path, const LookaheadFacts& facts, const ModelConfig& config) {
  const LookaheadFacts model = FactsOf(config);
  const char* cure = "; use look-ahead tokens learned on this model";
  if (facts.architecture != model.architecture) {
    return Error(path, absl::StrCat("architecture is ", Printable(facts.architecture), ", the model's is '",
                                    model.architecture, "'", cure));
  }
  for (const NumberField& field : kShapeFields) {
    if (facts.*field.member != model.*field.member) {
      return Error(path, absl::StrCat(field.key, " is ", facts.*field.member, ", the model's is ",
                                      model.*field.member, cure));
    }
  }
  return absl::OkStatus();
}

}  // namespace

LookaheadFacts FactsOf(const ModelConfig& config) {
  LookaheadFacts facts;
  facts.architecture = config.architecture;
  facts.width = config.width;
  facts.layers = config.num_layers;
  facts.heads = config.num_heads;
  facts.kv_heads = config.num_kv_heads;
  facts.vocabulary = config.vocab_size;
  return facts;
}

absl::StatusOr<LoadedLookahead> ReadLookaheadFile(const std::string& path, const ModelConfig& config,
                                                  std::string_view fingerprint) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsFile> file, SafetensorsFile::Open(path));
  LoadedLookahead loaded;
  LookaheadFacts& facts = loaded.tokens.facts;
  PASS_ASSIGN_OR_RETURN(facts, ReadFacts(*file));
  PASS_RETURN_IF_ERROR(CheckFits(path, facts, config));
  PASS_RETURN_IF_ERROR(ReadLookaheadTensors(*file, config, loaded.tokens));
  if (facts.base_fingerprint != fingerprint) {
    loaded.warning =
        absl::StrCat(path, ": learned on other weights (", Printable(facts.base_model), ", fingerprint ",
                     Printable(facts.base_fingerprint), ", the model's is '", std::string(fingerprint),
                     "'); the output is the same, fewer drafts may be accepted");
  }
  return loaded;
}

absl::Status WriteLookaheadFile(const std::string& path, const LookaheadTokens& tokens) {
  const LookaheadFacts& facts = tokens.facts;
  Metadata metadata = {{"format", kFormat}, {"version", kVersion}};
  for (const NumberField& field : kShapeFields) metadata[field.key] = absl::StrCat(facts.*field.member);
  metadata[kLookaheadField.key] = absl::StrCat(facts.num_lookahead);
  for (const TextField& field : kTextFields) metadata[field.key] = facts.*field.member;
  return WriteLookaheadTensors(path, metadata, tokens);
}

}  // namespace pass
