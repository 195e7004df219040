#include "core/model/backend/cuda/slices.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_set>

#include "core/model/backend/cuda/cuda_kv_store.h"

namespace pass {
namespace {

// A line: so many columns of a number for each row, then the tables, two slots to a number.
enum Column { kToken = 0, kLookahead, kPosition, kOwnSlot, kWanted, kNumColumns };
constexpr int64_t kTablesAt = kNumColumns * kSliceRows;
int64_t LineSize(int64_t positions) { return kTablesAt + kSliceRows * positions / 2; }

int64_t TablePositions(std::span<const StepRow> rows) {
  int64_t least = 0, positions = kBlockPositions;
  for (const StepRow& row : rows) least = std::max<int64_t>(least, row.attention.position + 1);
  while (positions < least) positions *= 2;
  return positions;
}

// One line.
class Line {
 public:
  explicit Line(int64_t* numbers) : numbers_(numbers) {}

  int64_t& at(Column column, int64_t row) { return numbers_[column * kSliceRows + row]; }
  int32_t* table(int64_t row, int64_t positions) {
    return reinterpret_cast<int32_t*>(numbers_ + kTablesAt) + row * positions;
  }

 private:
  int64_t* numbers_;
};

// What an ordinary row reads of its sequence's pages.
void FillFromPages(const AttentionRow& row, int32_t* table) {
  for (int32_t first = 0; first < row.committed; first += kPageTokens) {
    const int32_t slot = PageSlot(row.pages, first);
    const int32_t count = std::min<int32_t>(kPageTokens, row.committed - first);
    for (int32_t i = 0; i < count; ++i) table[first + i] = slot + i;
  }
}

// The first row of a position writes to the position's own place, so that committing it copies nothing. Look-ahead rows are never
// committed.
int32_t OwnSlot(const StepRow& row, int64_t index, std::unordered_set<int32_t>& taken) {
  if (row.lookahead == 0 && row.attention.position < row.room) {
    const int32_t slot = PageSlot(row.attention.pages, row.attention.position);
    if (taken.insert(slot).second) return slot;
  }
  return static_cast<int32_t>(RowSlot(index));
}

}  // namespace

SlicedPlan::SlicedPlan(std::span<const StepRow> rows) {
  const int64_t count = std::ssize(rows), num_slices = WholeSlices(count) / kSliceRows;
  const int64_t shared_positions = TablePositions(rows);
  packed = at::zeros({num_slices, LineSize(shared_positions)}, at::kLong);
  slices.resize(static_cast<size_t>(num_slices), {.shape = {.positions = shared_positions}});
  const auto line_of = [&](int64_t row) {
    return Line(packed.data_ptr<int64_t>() + row / kSliceRows * packed.size(1));
  };
  const auto table_of = [&](int64_t row) { return line_of(row).table(row % kSliceRows, shared_positions); };
  // Rows that are made up are beginnings of texts, which read themselves.
  static constexpr StepRow kMadeUp;
  std::unordered_set<int32_t> taken;
  for (int64_t r = 0; r < num_slices * kSliceRows; ++r) {
    const StepRow& row = r < count ? rows[static_cast<size_t>(r)] : kMadeUp;
    Line line = line_of(r);
    Slice& slice = slices[static_cast<size_t>(r / kSliceRows)];
    const int64_t place = r % kSliceRows;
    const int32_t own_slot = OwnSlot(row, r, taken);
    if (r < count) own_slots.push_back(own_slot);
    line.at(kToken, place) = row.lookahead > 0 ? 0 : row.token;
    line.at(kLookahead, place) = row.lookahead;
    line.at(kPosition, place) = row.attention.position;
    line.at(kOwnSlot, place) = own_slot;
    if (row.wanted) line.at(kWanted, slice.wanted++) = place;
    slice.shape.adapts |= row.lookahead > 0;
    slice.shape.wants |= row.wanted;
    int32_t* table = table_of(r);
    if (row.attention.parent >= 0) {
      std::copy_n(table_of(row.attention.parent), row.attention.position, table);
    } else {
      FillFromPages(row.attention, table);
    }
    table[row.attention.position] = own_slot;
  }
}

SlicePlan::SlicePlan(const at::Tensor& line, const SliceShape& shape) {
  const auto column = [&](Column of) { return line.narrow(0, of * kSliceRows, kSliceRows); };
  tokens = column(kToken);
  lookaheads = column(kLookahead);
  positions = column(kPosition);
  own_slots = column(kOwnSlot);
  slots = line.narrow(0, kTablesAt, kSliceRows * shape.positions / 2)
              .view(at::kInt)
              .view({kSliceRows, shape.positions});
  if (shape.adapts) adapted = lookaheads.gt(0).unsqueeze(1);
  wanted = at::arange(shape.wants ? kSliceRows : 0, line.options());
}

at::Tensor WantedRows(const at::Tensor& line, int64_t count) {
  return line.narrow(0, kWanted * kSliceRows, count);
}

const at::Tensor& SlicePlan::Hidden(int32_t window) const {
  at::Tensor& hidden = hidden_[window];
  if (!hidden.defined()) {
    hidden = slots.eq(kNoSlot);
    if (window > 0) {
      const at::Tensor places = at::arange(slots.size(1), positions.options()).unsqueeze(0);
      hidden = hidden.logical_or(places.lt((positions - (window - 1)).unsqueeze(1)));
    }
  }
  return hidden;
}

}  // namespace pass
