// Forwards in slices of a fixed number of rows, so that every operator of a step has one shape whatever the batch: a row's
// bits then do not depend on its neighbours. Rows that a slice lacks are made up.
//
// Where a key lies is a slot, a number that holds for every layer (cuda_kv_store.h). A row reads the slots of its table, by
// position.
#pragma once

#include <ATen/core/Tensor.h>

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/model/backend/aten/aten_plan.h"

namespace pass {

inline constexpr int64_t kSliceRows = 32;
// Of so many rows, those that are made up included.
constexpr int64_t WholeSlices(int64_t rows) { return (rows + kSliceRows - 1) / kSliceRows * kSliceRows; }
// Keys are read in blocks of so many positions, each by operators of one shape. A text that grows beyond a multiple of it
// adds a block and changes no other.
inline constexpr int64_t kBlockPositions = 256;

// What decides the operators of a slice and their shapes.
struct SliceShape {
  int64_t positions = 0;  // of the tables: kBlockPositions times a power of two
  bool adapts = false;    // there are look-ahead rows
  bool wants = false;     // the output of a row is read

  auto operator<=>(const SliceShape&) const = default;
};

// A forward as the host packs it: one line of numbers for each slice.
struct SlicedPlan final : ForwardPlan {
  struct Slice {
    SliceShape shape;
    int64_t wanted = 0;  // rows whose output is read
  };

  std::vector<Slice> slices;
  at::Tensor packed;               // int64 [slices, *] on the host
  std::vector<int32_t> own_slots;  // of each row: where its own key goes

  explicit SlicedPlan(std::span<const StepRow> rows);

  static const SlicedPlan& Of(const ForwardPlan& plan) { return static_cast<const SlicedPlan&>(plan); }
};

// One slice on the device: views of its line and what follows from it. All of kSliceRows rows; `wanted` is every row or none.
struct SlicePlan final : EmbeddedRows {
  at::Tensor own_slots;  // int64 [rows]: where each row's own key goes
  at::Tensor slots;      // int32 [rows, positions]: where it reads each position; kNoSlot: it does not

  SlicePlan(const at::Tensor& line, const SliceShape& shape);

  // bool [rows, positions]: what the rows of a layer with this window (0: none) do not read. Made once a window.
  const at::Tensor& Hidden(int32_t window) const;

  static const SlicePlan& Of(const ForwardPlan& plan) { return static_cast<const SlicePlan&>(plan); }

 private:
  mutable std::map<int32_t, at::Tensor> hidden_;  // by window
};

// int64: the rows of a line whose output the forward wants, `count` of them.
at::Tensor WantedRows(const at::Tensor& line, int64_t count);

}  // namespace pass
