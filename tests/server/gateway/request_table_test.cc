// The table of generations in flight, in front of a real engine whose model a test can hold.
#include "server/gateway/request_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

// As a call does: takes the id out of the table when the request ends.
class RemovingSink final : public TokenSink {
 public:
  RemovingSink(RequestTable* table, std::string id) : table_(table), id_(std::move(id)) {}

  void OnStep(const StepReport& /*report*/) override {}
  void OnFinish(const FinishReport& report) override {
    const bool cancelled = table_->Remove(id_);
    absl::MutexLock lock(&mutex_);
    reason_ = report.reason;
    cancelled_ = cancelled;
  }

  FinishReason AwaitReason() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [this] {
      mutex_.AssertReaderHeld();
      return reason_.has_value();
    };
    mutex_.Await(absl::Condition(&ended));
    return *reason_;
  }
  // After AwaitReason: whether Cancel was called, as Remove tells.
  bool cancelled() {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  }

 private:
  RequestTable* const table_;
  const std::string id_;
  absl::Mutex mutex_;
  std::optional<FinishReason> reason_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(RequestTable, RefusesAnIdInFlightAndTakesItAgainAfterTheEnd) {
  TestServer server;
  RequestTable table(&server.engine());
  server.gate().Close();
  const auto first = std::make_shared<RemovingSink>(&table, "a");
  ASSERT_TRUE(table.Submit(EngineRequest("a"), first).ok());
  const auto second = std::make_shared<RemovingSink>(&table, "a");
  EXPECT_EQ(table.Submit(EngineRequest("a"), second).code(), absl::StatusCode::kAlreadyExists);
  const auto other = std::make_shared<RemovingSink>(&table, "b");
  EXPECT_TRUE(table.Submit(EngineRequest("b"), other).ok());
  server.gate().Open();
  EXPECT_EQ(first->AwaitReason(), FinishReason::kLength);
  EXPECT_EQ(other->AwaitReason(), FinishReason::kLength);
  ASSERT_TRUE(table.Submit(EngineRequest("a"), second).ok());
  EXPECT_EQ(second->AwaitReason(), FinishReason::kLength);
}

TEST(RequestTable, CancelsTheRequestWithTheIdAndTellsAtItsEnd) {
  TestServer server;
  RequestTable table(&server.engine());
  server.gate().Close();
  const auto cancelled = std::make_shared<RemovingSink>(&table, "a");
  const auto left_alone = std::make_shared<RemovingSink>(&table, "b");
  ASSERT_TRUE(table.Submit(EngineRequest("a"), cancelled).ok());
  ASSERT_TRUE(table.Submit(EngineRequest("b"), left_alone).ok());
  table.Cancel("a", FinishReason::kCancelled);
  table.Cancel("unknown", FinishReason::kCancelled);
  server.gate().Open();
  EXPECT_EQ(cancelled->AwaitReason(), FinishReason::kCancelled);
  EXPECT_TRUE(cancelled->cancelled());
  EXPECT_EQ(left_alone->AwaitReason(), FinishReason::kLength);
  EXPECT_FALSE(left_alone->cancelled());
}

TEST(RequestTable, KeepsNothingOfARequestThatTheEngineRefuses) {
  TestServer server;
  RequestTable table(&server.engine());
  server.engine().Drain(absl::InfinitePast());
  const auto sink = std::make_shared<RemovingSink>(&table, "a");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(table.Submit(EngineRequest("a"), sink).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_FALSE(table.Remove("a"));
}

}  // namespace
}  // namespace pass
