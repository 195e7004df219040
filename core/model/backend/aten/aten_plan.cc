#include "core/model/backend/aten/aten_plan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "core/model/backend/to_tensor.h"

namespace pass {
namespace {

constexpr int64_t kWordBits = 32;  // of the ancestors

// Numbers that are uploaded together.
class Packed {
 public:
  // Where `count` numbers begin that value(i) gives.
  template <typename F>
  int64_t Add(size_t count, F value) {
    const auto first = static_cast<int64_t>(values_.size());
    for (size_t i = 0; i < count; ++i) values_.push_back(static_cast<int64_t>(value(i)));
    return first;
  }
  int64_t Add(const std::vector<int64_t>& values) {
    return Add(values.size(), [&](size_t i) { return values[i]; });
  }
  at::Tensor On(at::Device device) const { return Upload(at::tensor(values_, at::kLong), device); }

 private:
  std::vector<int64_t> values_;
};

int64_t NumPages(int32_t committed) { return (committed + kPageTokens - 1) / kPageTokens; }

// [R, words]: bit j of row i says that i may read row j. Parents come before their children.
std::vector<int64_t> AncestorWords(std::span<const StepRow> rows, int64_t words) {
  std::vector<int64_t> bits(rows.size() * static_cast<size_t>(words));
  for (int64_t i = 0; i < std::ssize(rows); ++i) {
    const auto row = bits.begin() + i * words;
    const int parent = rows[static_cast<size_t>(i)].attention.parent;
    if (parent >= 0) std::copy_n(bits.begin() + parent * words, words, row);
    row[i / kWordBits] |= int64_t{1} << (i % kWordBits);
  }
  return bits;
}

// bool [R, count] of words [R, *].
at::Tensor BitsOf(const at::Tensor& words, int64_t count) {
  const at::Tensor bits = at::arange(kWordBits, words.options());
  return at::bitwise_right_shift(words.unsqueeze(-1), bits)
      .bitwise_and(1)
      .view({words.size(0), -1})
      .narrow(1, 0, count)
      .to(at::kBool);
}

}  // namespace

AtenPlan::AtenPlan(std::span<const StepRow> rows, at::Device device) {
  const auto count = static_cast<int64_t>(rows.size()), words = (count + kWordBits - 1) / kWordBits;
  int64_t most_pages = 0;
  bool adapts = false;
  std::vector<int64_t> wanted_rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    most_pages = std::max(most_pages, NumPages(rows[i].attention.committed));
    adapts |= rows[i].lookahead > 0;
    if (rows[i].wanted) wanted_rows.push_back(static_cast<int64_t>(i));
  }
  const auto page = [&](size_t i) -> int64_t {
    const AttentionRow& row = rows[i / static_cast<size_t>(most_pages)].attention;
    const int64_t index = static_cast<int64_t>(i) % most_pages;
    return index < NumPages(row.committed) ? row.pages[index] : 0;
  };

  Packed packed;
  const int64_t first_token =
      packed.Add(rows.size(), [&](size_t i) { return rows[i].lookahead > 0 ? 0 : rows[i].token; });
  const int64_t first_lookahead = packed.Add(rows.size(), [&](size_t i) { return rows[i].lookahead; });
  const int64_t first_position =
      packed.Add(rows.size(), [&](size_t i) { return rows[i].attention.position; });
  const int64_t first_committed =
      packed.Add(rows.size(), [&](size_t i) { return rows[i].attention.committed; });
  const int64_t first_page = packed.Add(static_cast<size_t>(count * most_pages), page);
  const int64_t first_word = packed.Add(AncestorWords(rows, words));
  const int64_t first_wanted = packed.Add(wanted_rows);

  const at::Tensor all = packed.On(device);
  tokens = all.narrow(0, first_token, count);
  lookaheads = all.narrow(0, first_lookahead, count);
  positions = all.narrow(0, first_position, count);
  committed = all.narrow(0, first_committed, count);
  pages = all.narrow(0, first_page, count * most_pages).view({count, most_pages});
  ancestors = BitsOf(all.narrow(0, first_word, count * words).view({count, words}), count);
  if (adapts) adapted = lookaheads.gt(0).unsqueeze(1);
  wanted = all.narrow(0, first_wanted, std::ssize(wanted_rows));
}

}  // namespace pass
