// Attention of every instruction set that this CPU can run, against the plain formulation in double.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/kernels/page_layout.h"
#include "tests/core/kernels/numbers.h"

namespace pass::kernels {
namespace {

constexpr int32_t kCommitted = 37;
constexpr int kPages = 4;

struct Shape {
  int kv_heads, group, head_dim;
  int32_t window;
  float softcap;
};

// A sequence with some committed tokens, and a tree behind them that is longer than a page.
template <typename T>
struct Sequence {
  Sequence(const Shape& s, std::mt19937& random) : shape(s) {
    const std::vector<int> parents = {-1, 0, 0, 1, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4, 16, 17, 3};
    for (const int parent : parents) {
      const int32_t position = parent < 0 ? kCommitted : rows[parent].position + 1;
      rows.push_back(
          {.position = position, .parent = parent, .committed = kCommitted, .pages = page_table.data()});
    }
    const auto count = static_cast<int64_t>(rows.size());
    query = Random<float>(count * heads() * s.head_dim, random);
    row_keys = Random<T>(count * s.kv_heads * s.head_dim, random);
    row_values = Random<T>(count * s.kv_heads * s.head_dim, random);
    page_keys = Random<T>(int64_t{kPages} * s.kv_heads * s.head_dim * kPageTokens, random);
    page_values = Random<T>(int64_t{kPages} * s.kv_heads * s.head_dim * kPageTokens, random);
  }

  int heads() const { return shape.kv_heads * shape.group; }

  Shape shape;
  std::vector<int32_t> page_table = {2, 0, 3, 1};
  std::vector<AttentionRow> rows;
  std::vector<float> query;
  std::vector<T> row_keys, row_values, page_keys, page_values;
};

template <typename T>
std::vector<T> Attend(Isa isa, const Sequence<T>& sequence, int rows_per_task) {
  const Shape& shape = sequence.shape;
  const AttentionPlan plan = PlanAttention(sequence.rows, rows_per_task);
  std::vector<T> out(sequence.rows.size() * sequence.heads() * shape.head_dim);
  std::vector<float> scratch(AttentionScratchFloats(shape.group, shape.head_dim));
  const AttentionData<T> data{.plan = &plan,
                              .num_kv_heads = shape.kv_heads,
                              .group = shape.group,
                              .head_dim = shape.head_dim,
                              .window = shape.window,
                              .softcap = shape.softcap,
                              .query = sequence.query.data(),
                              .row_keys = sequence.row_keys.data(),
                              .row_values = sequence.row_values.data(),
                              .page_keys = sequence.page_keys.data(),
                              .page_values = sequence.page_values.data(),
                              .out = out.data()};
  for (const AttentionTask& task : plan.tasks) {
    for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
      TableOf<T>(isa).attention(data, task, kv_head, scratch.data());
    }
  }
  return out;
}

// Key and value of one head at a position of the row's own path, [head_dim] each.
struct Place {
  std::vector<double> key, value;
};

template <typename T>
std::vector<Place> PlacesOf(const Sequence<T>& sequence, int row, int kv_head) {
  const Shape& shape = sequence.shape;
  const int64_t dim = shape.head_dim;
  std::vector<Place> places;
  const int32_t position = sequence.rows[row].position;
  const auto is_read = [&](int32_t p) { return shape.window == 0 || p > position - shape.window; };
  for (int32_t p = 0; p < kCommitted; ++p) {
    if (!is_read(p)) continue;
    const int64_t page =
        (int64_t{sequence.page_table[p / kPageTokens]} * shape.kv_heads + kv_head) * dim * kPageTokens;
    Place& place = places.emplace_back();
    for (int64_t d = 0; d < dim; ++d) {
      place.key.push_back(Wide(sequence.page_keys[page + KeyPlace<T>(p % kPageTokens, d)]));
      place.value.push_back(Wide(sequence.page_values[page + ValuePlace<T>(p % kPageTokens, d, dim)]));
    }
  }
  for (int r = row; r >= 0; r = sequence.rows[r].parent) {
    if (!is_read(sequence.rows[r].position)) continue;
    const int64_t at = (int64_t{r} * shape.kv_heads + kv_head) * dim;
    Place& place = places.emplace_back();
    for (int64_t d = 0; d < dim; ++d) {
      place.key.push_back(Wide(sequence.row_keys[at + d]));
      place.value.push_back(Wide(sequence.row_values[at + d]));
    }
  }
  return places;
}

// softmax(q . k) . v of one head of one row; `query` is scaled.
template <typename T>
std::vector<double> Plain(const Sequence<T>& sequence, int row, int head) {
  const Shape& shape = sequence.shape;
  const float* query =
      sequence.query.data() + (int64_t{row} * sequence.heads() + head) * int64_t{shape.head_dim};
  std::vector<double> out(shape.head_dim);
  double total = 0;
  for (const Place& place : PlacesOf(sequence, row, head / shape.group)) {
    double score = 0;
    for (int d = 0; d < shape.head_dim; ++d) score += double{query[d]} * place.key[d];
    if (shape.softcap > 0) score = shape.softcap * std::tanh(score / shape.softcap);
    const double weight = std::exp(score);
    total += weight;
    for (int d = 0; d < shape.head_dim; ++d) out[d] += weight * place.value[d];
  }
  for (double& value : out) value /= total;
  return out;
}

const std::vector<Shape> kShapes = {
    {.kv_heads = 2, .group = 1, .head_dim = 16, .window = 0, .softcap = 0},
    {.kv_heads = 1, .group = 40, .head_dim = 16, .window = 0, .softcap = 0},
    {.kv_heads = 1, .group = 2, .head_dim = 48, .window = 7, .softcap = 0},
    {.kv_heads = 3, .group = 3, .head_dim = 64, .window = 0, .softcap = 0},
    {.kv_heads = 1, .group = 7, .head_dim = 64, .window = 20, .softcap = 5},
    {.kv_heads = 2, .group = 4, .head_dim = 128, .window = 0, .softcap = 0},
    {.kv_heads = 1, .group = 5, .head_dim = 128, .window = 33, .softcap = 0},
    {.kv_heads = 1, .group = 4, .head_dim = 256, .window = 0, .softcap = 30},
};

class AttentionKernels : public ::testing::TestWithParam<Isa> {};

template <typename T>
void ExpectPlainAttention(Isa isa, double tolerance) {
  const unsigned seed = 19;
  std::mt19937 random(seed);
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", " << shape.group << " heads of "
                                      << shape.head_dim << ", window " << shape.window);
    Sequence<T> sequence(shape, random);
    for (float& value : sequence.query) value /= std::sqrt(static_cast<float>(shape.head_dim));
    const std::vector<T> out = Attend(isa, sequence, kMaxTaskRows);
    for (int row = 0; row < std::ssize(sequence.rows); ++row) {
      for (int head = 0; head < sequence.heads(); ++head) {
        const std::vector<double> expected = Plain(sequence, row, head);
        for (int d = 0; d < shape.head_dim; ++d) {
          const float got = Wide(out[(int64_t{row} * sequence.heads() + head) * shape.head_dim + d]);
          ASSERT_NEAR(got, expected[d], tolerance) << "row " << row << ", head " << head << ", " << d;
        }
      }
    }
  }
}

TEST_P(AttentionKernels, GiveThePlainFormulationInBf16) { ExpectPlainAttention<Bf16>(GetParam(), 2e-2); }
TEST_P(AttentionKernels, GiveThePlainFormulationInFp32) { ExpectPlainAttention<float>(GetParam(), 1e-5); }

template <typename T>
void ExpectSameBitsInAnyTasks(Isa isa) {
  std::mt19937 random(20);
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << shape.group << " heads of " << shape.head_dim);
    const Sequence<T> sequence(shape, random);
    const std::vector<T> all = Attend(isa, sequence, kMaxTaskRows);
    for (const int rows_per_task : {1, 2, 5}) {
      const std::vector<T> some = Attend(isa, sequence, rows_per_task);
      ASSERT_EQ(std::memcmp(some.data(), all.data(), all.size() * sizeof(T)), 0) << rows_per_task;
    }
  }
}

TEST_P(AttentionKernels, GiveARowTheSameBitsWhateverItsTaskInBf16) {
  ExpectSameBitsInAnyTasks<Bf16>(GetParam());
}
TEST_P(AttentionKernels, GiveARowTheSameBitsWhateverItsTaskInFp32) {
  ExpectSameBitsInAnyTasks<float>(GetParam());
}

// A head's sums are its own, whichever heads it shares its keys with.
TEST_P(AttentionKernels, GiveAHeadTheSameBitsWhateverItsGroup) {
  std::mt19937 random(21);
  const Sequence<Bf16> whole({.kv_heads = 1, .group = 7, .head_dim = 64, .window = 0, .softcap = 0}, random);
  const std::vector<Bf16> all = Attend(GetParam(), whole, kMaxTaskRows);
  constexpr int64_t kDim = 64;
  for (int head = 0; head < 7; ++head) {
    Sequence<Bf16> alone = whole;
    alone.shape.group = 1;
    alone.query.clear();
    for (int64_t row = 0; row < std::ssize(whole.rows); ++row) {
      const auto from = whole.query.begin() + (row * 7 + head) * kDim;
      alone.query.insert(alone.query.end(), from, from + kDim);
    }
    for (AttentionRow& row : alone.rows) row.pages = alone.page_table.data();
    const std::vector<Bf16> one = Attend(GetParam(), alone, kMaxTaskRows);
    for (int64_t row = 0; row < std::ssize(whole.rows); ++row) {
      ASSERT_EQ(std::memcmp(&one[row * kDim], &all[(row * 7 + head) * kDim], kDim * sizeof(Bf16)), 0)
          << "head " << head << " of row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AttentionKernels,
                         ::testing::ValuesIn(RunnableIsas().begin(), RunnableIsas().end()),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

}  // namespace
}  // namespace pass::kernels
