// The distinct tokens among the latest ones of a sequence, kept up to date token by token. Torch-free; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

#include "core/base/token_id.h"

namespace pass {

class RecentTokens {
 public:
  // `window`: how many tokens count as the latest, 1 or more.
  explicit RecentTokens(size_t window) : window_(window) {}

  void Append(TokenId token) {
    latest_.push_back(token);
    const auto at = Find(token);
    if (at != distinct_.end() && *at == token) {
      ++counts_[at - distinct_.begin()];
    } else {
      counts_.insert(counts_.begin() + (at - distinct_.begin()), 1);
      distinct_.insert(at, token);
    }
    if (latest_.size() > window_) DropOldest();
  }

  // Ascending.
  const std::vector<TokenId>& distinct() const { return distinct_; }

 private:
  std::vector<TokenId>::iterator Find(TokenId token) {
    return std::lower_bound(distinct_.begin(), distinct_.end(), token);
  }

  void DropOldest() {
    const auto at = Find(latest_.front());
    latest_.pop_front();
    const auto count = counts_.begin() + (at - distinct_.begin());
    if (--*count > 0) return;
    counts_.erase(count);
    distinct_.erase(at);
  }

  size_t window_;
  std::deque<TokenId> latest_;
  std::vector<TokenId> distinct_;
  std::vector<int> counts_;  // of each of distinct_
};

}  // namespace pass
