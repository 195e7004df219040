// The facade with made-up forwards.
#include "core/engine/speculation/speculation.h"

#include <gtest/gtest.h>

namespace pass {
namespace {

// A forward of five sequences takes 15 ms, one of eight 16 ms: memory is read once for all.
absl::Duration PlainTime(int batch) { return absl::Milliseconds(batch <= 5 ? 15 : 16); }

ForwardReport Forward(Method method, int batch, int tokens, absl::Duration time) {
  return {.kind = KindOf(method),
          .sequences = batch,
          .decode_rows = batch,
          .emitted_tokens = tokens,
          .time = time};
}

// One forward of a batch in which every sequence has `auto`: a tree gives each sequence `tree_tokens` in `tree_time`.
Method RunForward(Speculation& speculation, int batch, int tree_tokens, absl::Duration tree_time) {
  const Method method = speculation.ChooseMethod(batch, /*comparable=*/true).method;
  const bool plain = method == Method::kPlain;
  speculation.Observe(
      Forward(method, batch, plain ? batch : batch * tree_tokens, plain ? PlainTime(batch) : tree_time), {});
  return method;
}

// How many of 300 such forwards were trees.
int CountTrees(Speculation& speculation, int batch, int tree_tokens, absl::Duration tree_time) {
  int trees = 0;
  for (int i = 0; i < 300; ++i)
    trees += RunForward(speculation, batch, tree_tokens, tree_time) == Method::kTree;
  return trees;
}

TEST(Speculation, KeepsATreeThatPaysWhenSomeOfTheBatchEnd) {
  Speculation speculation({}, /*control_share=*/0.01);
  CountTrees(speculation, 8, 2, absl::Milliseconds(24));
  // 24 / 10 = 2.4 ms a token: less than the 3.0 of five plain sequences, and more than the 2.0 of eight.
  EXPECT_GT(CountTrees(speculation, 5, 2, absl::Milliseconds(24)), 280);
}

TEST(Speculation, GivesUpATreeThatDoesNotPayWhenTheBatchGrows) {
  Speculation speculation({}, 0.01);
  CountTrees(speculation, 5, 2, absl::Milliseconds(24));
  // 40 / 16 = 2.5 ms a token: less than the 3.0 of five plain sequences, and more than the 2.0 of eight.
  EXPECT_LT(CountTrees(speculation, 8, 2, absl::Milliseconds(40)), 150);
}

TEST(Speculation, SaysWhatAPlainForwardOfThisBatchTakes) {
  Speculation speculation({}, 0.01);
  for (int i = 0; i < 200; ++i) {
    for (const int batch : {5, 8})
      speculation.Observe(Forward(Method::kPlain, batch, batch, PlainTime(batch)), {});
  }
  for (const int batch : {5, 8}) {
    ASSERT_TRUE(speculation.PlainForwardTime(batch).has_value());
    EXPECT_NEAR(absl::FDivDuration(*speculation.PlainForwardTime(batch), PlainTime(batch)), 1.0, 0.03)
        << batch;
  }
  EXPECT_FALSE(speculation.PlainForwardTime(2).has_value());
}

}  // namespace
}  // namespace pass
