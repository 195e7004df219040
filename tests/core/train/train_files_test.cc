// The files of a run: samples and checkpoints, whole, cut short, damaged, and of another run.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/train/sample_store.h"
#include "core/train/train_checkpoint.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using State = std::vector<std::pair<std::string, at::Tensor>>;

State MakeState(double value) { return {{"a", at::full({2, 3}, value)}, {"b", at::full({4}, value + 1)}}; }

class TrainCheckpointTest : public ::testing::Test {
 protected:
  TrainCheckpointTest() : path_(folder_.Path("run.checkpoint")) {
    EXPECT_TRUE(
        WriteTrainCheckpoint(path_, {.steps = 10, .seconds = 1.5, .description = "run"}, MakeState(1)).ok());
    EXPECT_TRUE(
        WriteTrainCheckpoint(path_, {.steps = 20, .seconds = 3.5, .description = "run"}, MakeState(2)).ok());
  }

  TemporaryFolder folder_;
  const std::string path_;
  std::string warning_;
};

TEST_F(TrainCheckpointTest, ComesBackAsItWas) {
  const State state = MakeState(0);
  const auto read = ReadTrainCheckpoint(path_, "run", state, &warning_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps, 20);
  EXPECT_EQ(read->seconds, 3.5);
  EXPECT_TRUE(state[0].second.equal(MakeState(2)[0].second));
  EXPECT_EQ(warning_, "");
}

TEST_F(TrainCheckpointTest, DamagedGivesTheOneBefore) {
  std::string bytes = ReadWholeFile(path_);
  bytes[bytes.size() - 3] ^= 1;
  folder_.Write("run.checkpoint", bytes);
  const State state = MakeState(0);
  const auto read = ReadTrainCheckpoint(path_, "run", state, &warning_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps, 10);
  EXPECT_TRUE(state[0].second.equal(MakeState(1)[0].second));
  EXPECT_NE(warning_.find("run.checkpoint: its hash is wrong"), std::string::npos) << warning_;
}

TEST_F(TrainCheckpointTest, CutShortGivesTheOneBefore) {
  folder_.Write("run.checkpoint", ReadWholeFile(path_).substr(0, 100));
  const auto read = ReadTrainCheckpoint(path_, "run", MakeState(0), &warning_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps, 10);
}

TEST_F(TrainCheckpointTest, OfAnotherRunIsRefused) {
  EXPECT_EQ(ReadTrainCheckpoint(path_, "other", MakeState(0), &warning_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(TrainCheckpointTest, NoneIsNotFound) {
  EXPECT_EQ(ReadTrainCheckpoint(folder_.Path("none"), "run", MakeState(0), &warning_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(SampleStoreTest, IgnoresARecordCutShortAndGoesOnBehindTheLastWholeOne) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("samples");
  {
    auto store = SampleStore::Open(path, "model", 3);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(store->Append({{1, 2, 3}, {4, 5, 6}}, 5).ok());
  }
  std::string bytes = ReadWholeFile(path);
  folder.Write("samples", bytes.substr(0, bytes.size() - 2));
  auto store = SampleStore::Open(path, "model", 3);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_EQ(store->size(), 1);
  EXPECT_EQ(store->window(0), (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(store->next_sample(), 1);
  ASSERT_TRUE(store->Append({{7, 7, 9}}, 8).ok());
  const auto again = SampleStore::Open(path, "model", 3);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->window(1), (std::vector<TokenId>{7, 7, 9}));
  EXPECT_EQ(again->next_sample(), 8);
  EXPECT_EQ(again->FrequentTokens(1), (std::vector<int32_t>{7}));
}

TEST(SampleStoreTest, RefusesSamplesOfAnotherModel) {
  const TemporaryFolder folder;
  ASSERT_TRUE(SampleStore::Open(folder.Path("samples"), "model", 3).ok());
  const auto other = SampleStore::Open(folder.Path("samples"), "another", 3);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(SampleStoreTest, ADiskThatTakesNothingIsAnError) {
  auto store = SampleStore::Open("/dev/full", "model", 3);
  EXPECT_FALSE(store.ok() && store->Append({{1, 2, 3}}, 1).ok());
}

}  // namespace
}  // namespace pass
