#include "core/files/json.h"

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/mapped_file.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr size_t kMaxDepth = 32;

// Walks the text without building it, and stops at the first thing that is refused.
class StrictWalk final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit StrictWalk(std::string_view text) : text_(text) {}

  const std::string& complaint() const { return complaint_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Enter(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    last_key_ = name;
    if (keys_.back().insert(name).second) return true;
    complaint_ = absl::StrCat("key ", Printable(name), " appears twice; keep one");
    return false;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    // The position is that behind the byte that was not understood: behind an N or I here.
    const std::string_view rest =
        text_.substr(std::min(text_.size(), position - std::min<size_t>(position, 1)));
    const bool is_python = rest.starts_with("NaN") || rest.starts_with("Infinity");
    complaint_ =
        is_python ? absl::StrCat("the value of ", Printable(last_key_),
                                 " is NaN or Infinity, which Python writes and JSON does not have; give it "
                                 "a number, or take the key out")
                  : absl::StrCat("not valid JSON near byte ", position, "; download it again");
    return false;
  }

 private:
  bool Enter() {
    keys_.emplace_back();
    if (keys_.size() <= kMaxDepth) return true;
    complaint_ = absl::StrCat("JSON is nested deeper than ", kMaxDepth, " levels; download it again");
    return false;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> keys_;  // of the objects and arrays that are open
  std::string_view text_;
  std::string last_key_;
  std::string complaint_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(const std::string& path, std::string_view text) {
  StrictWalk walk(text);
  if (!nlohmann::json::sax_parse(text, &walk)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", walk.complaint()));
  }
  return nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
}

absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path, uint64_t max_bytes) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", bytes.size(), " bytes of JSON, at most ",
                                                   max_bytes, " are read; check that it is the right file"));
  }
  PASS_ASSIGN_OR_RETURN(nlohmann::json json,
                        ParseJson(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a JSON object; check that it is the right file"));
  }
  return json;
}

}  // namespace pass
