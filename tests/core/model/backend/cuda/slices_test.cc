// What the host packs for a forward in slices.
#include "core/model/backend/cuda/slices.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/model/backend/cuda/cuda_kv_store.h"

namespace pass {
namespace {

SlicePlan SliceOf(const SlicedPlan& plan, int64_t index) {
  return {plan.packed[index], plan.slices[static_cast<size_t>(index)].shape};
}

// The slots that a row reads, up to its position and behind it.
std::vector<int> Reads(const SlicePlan& slice, int64_t row) {
  const at::Tensor slots = slice.slots[row].contiguous();
  const auto* first = slots.data_ptr<int32_t>();
  std::vector<int> reads(first, first + slots.numel());
  while (!reads.empty() && reads.back() == kNoSlot) reads.pop_back();
  return reads;
}

int SlotOf(int64_t row) { return static_cast<int>(RowSlot(row)); }

TEST(Slices, RowsReadTheirPagesThenTheirAncestorsThenThemselves) {
  const std::vector<int32_t> pages = {9, 4};
  std::vector<StepRow> rows(3);
  rows[0] = {.token = 3, .attention = {.position = 18, .parent = -1, .committed = 18, .pages = pages.data()}};
  rows[1] = {.token = 4, .attention = {.position = 19, .parent = 0, .committed = 18, .pages = pages.data()}};
  rows[2] = {.lookahead = 2,
             .attention = {.position = 19, .parent = 0, .committed = 18, .pages = pages.data()}};
  const SlicedPlan plan(rows);
  ASSERT_EQ(plan.slices.size(), 1U);
  const SlicePlan slice = SliceOf(plan, 0);
  std::vector<int> expected;
  for (int i = 0; i < 16; ++i) expected.push_back(9 * kPageTokens + i);
  for (int i = 0; i < 2; ++i) expected.push_back(4 * kPageTokens + i);
  expected.push_back(SlotOf(0));
  EXPECT_EQ(Reads(slice, 0), expected);
  expected.push_back(SlotOf(1));
  EXPECT_EQ(Reads(slice, 1), expected);
  expected.back() = SlotOf(2);
  EXPECT_EQ(Reads(slice, 2), expected);
  EXPECT_EQ(slice.lookaheads[2].item<int64_t>(), 2);
  EXPECT_TRUE(slice.adapted[2].item<bool>());
  EXPECT_FALSE(slice.adapted[1].item<bool>());
}

TEST(Slices, TheFirstOrdinaryRowOfAPositionWritesToItsPlaceInThePage) {
  const std::vector<int32_t> pages = {9, 4};
  const auto row = [&](int32_t position, int parent, int lookahead = 0) {
    return StepRow{
        .lookahead = lookahead,
        .attention = {.position = position, .parent = parent, .committed = 30, .pages = pages.data()},
        .room = 32};
  };
  const SlicedPlan plan(std::vector<StepRow>{row(30, -1), row(31, 0, 1), row(31, 0), row(31, 0), row(32, 2)});
  const int page = 4 * kPageTokens;
  EXPECT_EQ(plan.own_slots, (std::vector<int32_t>{page + 14, SlotOf(1), page + 15, SlotOf(3), SlotOf(4)}));
  const std::vector<int> reads = Reads(SliceOf(plan, 0), 4);
  EXPECT_EQ(std::vector<int>(reads.end() - 3, reads.end()),
            (std::vector<int>{page + 14, page + 15, SlotOf(4)}));
}

TEST(CudaKvStore, CopiesRowsThatAreNotInTheirPlace) {
  constexpr int kMaxRows = 32;
  const ModelConfig config{.num_layers = 2, .num_kv_heads = 1, .head_dim = 8};
  const auto own_slots = std::make_shared<std::vector<int32_t>>();
  CudaKvStore store(config, at::TensorOptions(at::kFloat), /*pages=*/3, kMaxRows, own_slots);
  const int32_t page = store.first_page() + 1;
  const std::vector<int32_t> pages = {page, store.first_page()};
  // Every number says which slot it was in.
  for (int layer = 0; layer < 2; ++layer) {
    for (at::Tensor* of : {&store.layer(layer).page_keys, &store.layer(layer).page_values}) {
      of->copy_(at::arange(of->size(0)).view({-1, 1, 1}).expand_as(*of));
    }
  }
  const int32_t in_place = page * kPageTokens + 14;
  *own_slots = {in_place, SlotOf(1), SlotOf(2), SlotOf(3)};
  store.Copy(std::vector<int>{0, 3, 2}, pages, /*first=*/14);
  for (int layer = 0; layer < 2; ++layer) {
    for (const at::Tensor& of : {store.layer(layer).page_keys, store.layer(layer).page_values}) {
      EXPECT_EQ(of[in_place][0][7].item<float>(), in_place);
      EXPECT_EQ(of[in_place + 1][0][0].item<float>(), SlotOf(3));
      EXPECT_EQ(of[store.first_page() * kPageTokens][0][3].item<float>(), SlotOf(2));
    }
  }
}

TEST(Slices, RowsThatAreMadeUpReadThemselvesAlone) {
  StepRow row;
  row.token = 3;
  const SlicePlan slice = SliceOf(SlicedPlan(std::span(&row, 1)), 0);
  EXPECT_EQ(slice.tokens.size(0), kSliceRows);
  for (int64_t i = 0; i < kSliceRows; ++i) EXPECT_EQ(Reads(slice, i), std::vector<int>{SlotOf(i)}) << i;
}

TEST(Slices, AChainGoesOnFromOneSliceToTheNext) {
  std::vector<StepRow> rows(kSliceRows + 2);
  std::vector<int> expected;
  for (int i = 0; i < std::ssize(rows); ++i) {
    rows[static_cast<size_t>(i)].attention = {.position = i, .parent = i - 1};
    expected.push_back(SlotOf(i));
  }
  rows.back().wanted = true;
  const SlicedPlan plan(rows);
  ASSERT_EQ(plan.slices.size(), 2U);
  EXPECT_FALSE(plan.slices[0].shape.wants);
  EXPECT_TRUE(plan.slices[1].shape.wants);
  EXPECT_EQ(Reads(SliceOf(plan, 1), 1), expected);
  EXPECT_TRUE(WantedRows(plan.packed[1], plan.slices[1].wanted).equal(at::tensor({1}, at::kLong)));
}

TEST(Slices, AWindowHidesWhatLiesBeforeIt) {
  const std::vector<int32_t> pages = {9};
  const StepRow row{.attention = {.position = 10, .parent = -1, .committed = 10, .pages = pages.data()}};
  const SlicePlan slice = SliceOf(SlicedPlan(std::span(&row, 1)), 0);
  const at::Tensor all = slice.Hidden(0)[0].logical_not().nonzero().squeeze(1),
                   near = slice.Hidden(4)[0].logical_not().nonzero().squeeze(1);
  EXPECT_TRUE(all.equal(at::arange(11)));
  EXPECT_TRUE(near.equal(at::arange(7, 11)));
}

}  // namespace
}  // namespace pass
