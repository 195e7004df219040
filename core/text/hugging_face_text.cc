// A Hugging Face folder: tokenizer.json, and beside it the files that say how generation ends and how a chat
// is written.
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/json.h"
#include "core/files/mapped_file.h"
#include "core/text/json_members.h"
#include "core/text/text_source.h"
#include "core/text/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

absl::StatusOr<Json> ReadJson(const std::string& path) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 28;  // the largest tokenizer.json in use have some 30 MB
  return ReadJsonObject(path, kMaxBytes);
}

// An empty object if there is no such file.
absl::StatusOr<Json> ReadOptionalJson(const std::string& path) {
  absl::StatusOr<Json> json = ReadJson(path);
  if (absl::IsNotFound(json.status())) return Json::object();
  return json;
}

// A token in tokenizer_config.json: its text, or an object with "content". Empty: none.
std::string TokenText(const Json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object()) return "";
  const auto content = found->find("content");
  return content != found->end() && content->is_string() ? content->get<std::string>() : "";
}

// "eos_token_id": a number or a list of numbers, in a model with several parts under text_config. False if it is
// not there.
absl::StatusOr<bool> ReadEndIds(const std::string& path, const Json& config, std::vector<int64_t>* ids) {
  const Json& own = Member(config, "eos_token_id");
  const Json& value = own.is_null() ? Member(Member(config, "text_config"), "eos_token_id") : own;
  if (value.is_null()) return false;
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& id : list) {
    if (!id.is_number_integer()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": eos_token_id: is not a number or a list of numbers"));
    }
    ids->push_back(id.get<int64_t>());
  }
  return true;
}

// A string, or a list of {"name", "template"} whose "default" counts. Newer folders keep it in a file of its
// own.
absl::StatusOr<std::string> ReadChatTemplate(const std::string& folder, const Json& tokenizer_config) {
  absl::StatusOr<std::string> file = ReadFile(absl::StrCat(folder, "/chat_template.jinja"));
  if (!absl::IsNotFound(file.status())) return file;
  const auto found = tokenizer_config.find("chat_template");
  if (found == tokenizer_config.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return "";
  for (const Json& entry : *found) {
    if (!entry.is_object() || TokenText(entry, "name") != "default") continue;
    return TokenText(entry, "template");
  }
  return "";
}

}  // namespace

absl::StatusOr<TextSource> ReadHuggingFaceText(const std::string& folder) {
  const std::string tokenizer_path = absl::StrCat(folder, "/tokenizer.json");
  absl::StatusOr<Json> read = ReadJson(tokenizer_path);
  if (absl::IsNotFound(read.status())) {
    return absl::NotFoundError(absl::StrCat(
        tokenizer_path,
        ": no such file; save the fast tokenizer into the folder: "
        "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) (tokenizer.model is not read)"));
  }
  PASS_ASSIGN_OR_RETURN(const Json tokenizer, std::move(read));
  PASS_ASSIGN_OR_RETURN(const Json tokenizer_config,
                        ReadOptionalJson(absl::StrCat(folder, "/tokenizer_config.json")));
  TextSource source;
  PASS_ASSIGN_OR_RETURN(source.spec, ReadTokenizerJson(tokenizer_path, tokenizer));
  for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    if (std::string text = TokenText(tokenizer_config, name); !text.empty()) source.named_tokens[name] = text;
  }
  if (!source.spec.bos) source.spec.bos = FindTokenId(source.spec, TokenText(tokenizer_config, "bos_token"));
  PASS_ASSIGN_OR_RETURN(source.chat_template, ReadChatTemplate(folder, tokenizer_config));
  for (const char* name : {"generation_config.json", "config.json"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    PASS_ASSIGN_OR_RETURN(const Json config, ReadOptionalJson(path));
    PASS_ASSIGN_OR_RETURN(const bool found, ReadEndIds(path, config, &source.end_of_sequence_ids));
    if (found) return source;
  }
  if (const auto eos = FindTokenId(source.spec, TokenText(tokenizer_config, "eos_token"))) {
    source.end_of_sequence_ids.push_back(*eos);
  }
  return source;
}

}  // namespace pass
