#include "server/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // as Windows editors put before UTF-8
constexpr char kCure[] = "write one key = value a line, such as max-queue = 64";

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// At most 40 bytes of a line, fit for an error of one line.
std::string Shown(std::string_view text) {
  return absl::CHexEscape(std::string(text.substr(0, std::min<size_t>(text.size(), 40))));
}

bool IsKey(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

bool IsText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= ' ' ? byte != 0x7f : c == '\t' || c == '\r';
  });
}

bool IsYaml(std::string_view line, size_t equals) {
  if (line == "---" || line.starts_with("- ") || line.starts_with("%YAML")) return true;
  const size_t colon = line.find(':');
  return colon < equals && IsKey(Trimmed(line.substr(0, colon))) &&
         (colon + 1 == line.size() || line[colon + 1] == ' ' || line[colon + 1] == '\t');
}

// The value without its quotes and the comment after it; `fault` says what is wrong with it.
std::string Unquoted(std::string_view text, std::string* fault) {
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) text = text.substr(0, i);
    }
    text = Trimmed(text);
    if (text.empty()) *fault = "has no value: write one after =, or remove the line";
    return std::string(text);
  }
  const size_t end = text.find(text.front(), 1);
  if (end == std::string_view::npos) {
    *fault = "has a quote that is not closed on its line";
    return {};
  }
  const std::string_view rest = Trimmed(text.substr(end + 1));
  if (!rest.empty() && rest.front() != '#') *fault = "has text after the closing quote";
  return std::string(text.substr(1, end - 1));
}

class Parser {
 public:
  explicit Parser(std::string_view path) : path_(path) {}

  absl::Status Read(std::string_view line) {
    ++number_;
    if (!IsText(line)) return Error(absl::StrCat("this is not text; ", kCure));
    line = Trimmed(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') return absl::OkStatus();
    const size_t equals = std::min(line.find('='), line.size());
    if (line.front() == '{') return Error(absl::StrCat("this is JSON; ", kCure));
    if (line.front() == '[') {
      return Error(absl::StrCat("there are no sections such as ", Shown(line), "; remove the line"));
    }
    if (IsYaml(line, equals)) return Error(absl::StrCat("this is YAML; ", kCure));
    const std::string_view key = Trimmed(line.substr(0, equals));
    if (equals == line.size() || !IsKey(key)) {
      return Error(absl::StrCat("\"", Shown(line), "\" is not understood; ", kCure));
    }
    return Add(std::string(key), line.substr(equals + 1));
  }

  std::vector<ConfigLine> Finish() && { return std::move(lines_); }

 private:
  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ":", number_, ": ", what));
  }

  absl::Status Add(std::string key, std::string_view value) {
    const auto same =
        std::find_if(lines_.begin(), lines_.end(), [&](const ConfigLine& line) { return line.key == key; });
    if (same != lines_.end()) {
      return Error(
          absl::StrCat(key, " is set a second time, after line ", same->number, "; remove one of the two"));
    }
    std::string fault;
    std::string unquoted = Unquoted(Trimmed(value), &fault);
    if (!fault.empty()) return Error(absl::StrCat(key, " ", fault));
    lines_.push_back({number_, std::move(key), std::move(unquoted)});
    return absl::OkStatus();
  }

  const std::string path_;
  int number_ = 0;
  std::vector<ConfigLine> lines_;
};

absl::StatusOr<std::string> ReadBytes(const std::string& path) {
  const auto unreadable = [&](const std::string& why) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the configuration file ", path, " (--config or PASS_CONFIG): ", why));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return unreadable(std::strerror(errno));
  std::string text(kMostBytes + 1, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size < text.size()) {
    got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0)
      size += static_cast<size_t>(got);
  }
  const int error = errno;
  close(fd);
  if (got < 0) return unreadable(std::strerror(error));
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<std::vector<ConfigLine>> ParseConfigFile(std::string_view path, std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(path), ": this is UTF-16; save it as UTF-8"));
  }
  if (text.size() > kMostBytes) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(path), ": a configuration file has at most ",
                                                   kMostBytes >> 20, " MiB; ", kCure));
  }
  Parser parser(path);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    PASS_RETURN_IF_ERROR(parser.Read(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser).Finish();
}

absl::StatusOr<std::vector<ConfigLine>> ReadConfigFile(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const std::string text, ReadBytes(path));
  return ParseConfigFile(path, text);
}

}  // namespace pass
