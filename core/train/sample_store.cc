#include "core/train/sample_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr size_t kHeaderBytes = 128;

std::string Header(const std::string& description) {
  std::string header = absl::StrCat("pass-samples 1 ", description);
  header.resize(kHeaderBytes - 1, ' ');
  return header + "\n";
}

}  // namespace

absl::StatusOr<SampleStore> SampleStore::Open(std::string path, const std::string& description, int window) {
  SampleStore store;
  store.path_ = std::move(path);
  if (store.path_.empty()) return store;
  const std::string expected = Header(description);
  std::ifstream in(store.path_, std::ios::binary);
  if (!in) {
    std::ofstream out(store.path_, std::ios::binary);
    out << expected;
    out.close();
    if (!out)
      return absl::UnavailableError(absl::StrCat(store.path_, ": cannot be written; check folder and disk"));
    store.valid_bytes_ = kHeaderBytes;
    return store;
  }
  std::string header(kHeaderBytes, '\0');
  in.read(header.data(), kHeaderBytes);
  if (header != expected) {
    return absl::FailedPreconditionError(
        absl::StrCat(store.path_, ": samples of another model, window, seed or corpus (", Printable(header),
                     "); remove the file or name another"));
  }
  store.valid_bytes_ = kHeaderBytes;
  int64_t index = 0;
  std::vector<TokenId> tokens(window);
  while (in.read(reinterpret_cast<char*>(&index), sizeof(index)) &&
         in.read(reinterpret_cast<char*>(tokens.data()), window * static_cast<int64_t>(sizeof(TokenId)))) {
    store.windows_.push_back(tokens);
    store.next_sample_ = index + 1;
    store.valid_bytes_ = in.tellg();
  }
  return store;
}

absl::Status SampleStore::Append(const std::vector<std::vector<TokenId>>& windows, int64_t end) {
  if (!path_.empty()) {
    std::error_code error;
    std::filesystem::resize_file(path_, static_cast<uintmax_t>(valid_bytes_), error);
    std::ofstream out(path_, std::ios::binary | std::ios::app);
    for (size_t i = 0; i < windows.size(); ++i) {
      // The last one stands for the samples that were dropped behind it.
      const int64_t index = i + 1 == windows.size() ? end - 1 : next_sample_ + static_cast<int64_t>(i);
      out.write(reinterpret_cast<const char*>(&index), sizeof(index));
      out.write(reinterpret_cast<const char*>(windows[i].data()),
                static_cast<int64_t>(windows[i].size() * sizeof(TokenId)));
    }
    out.flush();
    if (error || !out) {
      return absl::UnavailableError(
          absl::StrCat(path_, ": samples cannot be written; check the disk's free space"));
    }
    for (const auto& window : windows) {
      valid_bytes_ += static_cast<int64_t>(sizeof(int64_t) + window.size() * sizeof(TokenId));
    }
  }
  windows_.insert(windows_.end(), windows.begin(), windows.end());
  next_sample_ = end;
  return absl::OkStatus();
}

std::vector<int32_t> SampleStore::FrequentTokens(int count) const {
  std::map<TokenId, int64_t> counts;
  for (const auto& window : windows_) {
    for (TokenId token : window) ++counts[token];
  }
  std::vector<std::pair<int64_t, TokenId>> order;
  for (const auto& [token, times] : counts) order.emplace_back(-times, token);
  std::sort(order.begin(), order.end());
  order.resize(std::min<size_t>(order.size(), count));
  std::vector<int32_t> ids;
  for (const auto& [times, token] : order) ids.push_back(token);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace pass
