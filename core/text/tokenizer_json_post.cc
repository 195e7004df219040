// tokenizer.json: what is put before the ids of a text.
#include <optional>

#include "core/base/status_macros.h"
#include "core/text/json_members.h"
#include "core/text/tokenizer_json.h"

namespace pass {
namespace {

// A template's "single" is what one text becomes: [bos and] the text. The token's id stands in special_tokens.
absl::Status ReadTemplate(const std::string& path, const Json& processor, TokenizerSpec* spec) {
  const Json& single = Member(processor, "single");
  if (!single.is_array() || single.empty() || single.size() > 2 ||
      !Member(single.back(), "Sequence").is_object()) {
    return RefuseKey(path, "post_processor.single",
                     "is not supported; the text, with or without one token before it, is");
  }
  if (single.size() == 1) return absl::OkStatus();
  const std::string token = Text(Member(single[0], "SpecialToken"), "id");
  const Json& entry = Member(Member(processor, "special_tokens"), token.c_str());
  const Json& ids = Member(entry, "ids");
  if (!ids.is_array() || ids.size() != 1 || !ids[0].is_number_integer() || ids[0].get<int64_t>() < 0 ||
      ids[0].get<int64_t>() > INT32_MAX) {
    return RefuseKey(path, "post_processor.special_tokens",
                     absl::StrCat("'", token, "' has no list of one id, which is what is supported"));
  }
  spec->bos = static_cast<TokenId>(ids[0].get<int64_t>());
  spec->add_bos = true;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadPostProcessor(const std::string& path, const nlohmann::json& root, TokenizerSpec* spec) {
  const Json& processor = Member(root, "post_processor");
  if (processor.is_null()) return absl::OkStatus();
  const bool is_sequence =
      Text(processor, "type") == "Sequence" && Member(processor, "processors").is_array();
  const Json steps = is_sequence ? processor["processors"] : Json::array({processor});
  for (const Json& step : steps) {
    const std::string type = Text(step, "type");
    if (type == "ByteLevel") continue;  // changes offsets, not ids
    if (type != "TemplateProcessing") {
      return RefuseKey(path, "post_processor",
                       absl::StrCat("'", type, "' is not supported; TemplateProcessing is"));
    }
    PASS_RETURN_IF_ERROR(ReadTemplate(path, step, spec));
  }
  return absl::OkStatus();
}

}  // namespace pass
