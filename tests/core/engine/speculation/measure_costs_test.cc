// t(rows) is measured for a budget of time, on a clock that moves only with the model's forwards.
#include "core/engine/speculation/measure_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/engine/engine_rig.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/table_model.h"

namespace pass {
namespace {

using testing::ElementsAre;

class MeasuredModel : public testing::Test {
 protected:
  MeasuredModel() {
    model_.OnForward([this](std::span<const Row> rows) {
      clock_.Advance(forward_time_ * static_cast<int64_t>(rows.size()));
      return absl::OkStatus();
    });
  }

  std::vector<int> RowsMeasuredWithin(absl::Duration budget) {
    const auto costs = MeasureForwards(model_, clock_, {.rows = {1, 8, 4, 2}, .prefix = 1, .budget = budget});
    EXPECT_TRUE(costs.ok()) << costs.status();
    if (!costs.ok()) return {};
    std::vector<int> rows;
    for (const ForwardCost& cost : *costs) {
      EXPECT_NEAR(cost.fastest_seconds, absl::ToDoubleSeconds(forward_time_) * cost.rows, 1e-9);
      rows.push_back(cost.rows);
    }
    return rows;
  }

  absl::Duration forward_time_ = absl::Milliseconds(10);  // of each row
  FakeClock clock_;
  TableModel model_{{.vocab_size = 8, .context_length = 64}, RandomLogits({})};
};

TEST_F(MeasuredModel, IsAskedForNoForwardOnceTheBudgetIsOver) {
  EXPECT_THAT(RowsMeasuredWithin(absl::Milliseconds(85)), ElementsAre(1, 8));
  EXPECT_EQ(model_.num_forwards(), 1 + 2) << "the prefix, 10 ms and 80 ms";
}

TEST_F(MeasuredModel, IsAskedForOneForwardHoweverSlowItIs) {
  forward_time_ = absl::Hours(1);
  EXPECT_THAT(RowsMeasuredWithin(absl::ZeroDuration()), ElementsAre(1));
  EXPECT_EQ(model_.num_forwards(), 1 + 1);
}

TEST_F(MeasuredModel, IsMeasuredWhollyWhereThereIsTime) {
  EXPECT_THAT(RowsMeasuredWithin(absl::InfiniteDuration()), ElementsAre(1, 2, 4, 8));
  EXPECT_EQ(model_.num_forwards(), 1 + 4 * MeasureOptions().repetitions);
  EXPECT_EQ(model_.num_open(), 0);
}

// What the engine measures before its first request is bounded by its options, whatever the model's speed.
TEST(EnginePrepare, EndsAfterItsMeasuringTime) {
  RigOptions options;
  options.engine.measuring_time = absl::Milliseconds(400);
  EngineRig rig(options, RandomLogits({}));
  rig.forward_time = absl::Milliseconds(150);
  rig.engine.Prepare();
  EXPECT_LE(rig.model.num_forwards(), 1 + 3) << "the prefix, and what begins within 400 ms";
}

}  // namespace
}  // namespace pass
