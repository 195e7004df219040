// The table of generations in flight, in front of a real engine whose model a test can hold.
#include "server/gateway/request_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

// As a call does: takes the id out of the table when the request ends.
class RemovingSink final : public TokenSink {
 public:
  RemovingSink(RequestTable* table, std::string id) : table_(table), id_(std::move(id)) {}

  void OnStep(const StepReport& /*report*/) override {}
  void OnFinish(const FinishReport& report) override {
    reason_ = report.reason;
    cancelled_ = table_->Remove(id_);
    finished_.Notify();
  }

  FinishReason AwaitReason() const {
    finished_.WaitForNotification();
    return reason_;
  }
  // After AwaitReason: whether Cancel was called, as Remove tells.
  bool cancelled() const { return cancelled_; }

 private:
  RequestTable* const table_;
  const std::string id_;
  FinishReason reason_ = FinishReason::kError;
  bool cancelled_ = false;
  absl::Notification finished_;
};

GenerationRequest Request(const std::string& id) {
  GenerationRequest request;
  request.id = id;
  request.prompt = {1, 2, 3};
  request.max_tokens = 5;
  request.ignore_eos = true;
  request.method = Method::kPlain;
  return request;
}

TEST(RequestTable, RefusesAnIdInFlightAndTakesItAgainAfterTheEnd) {
  TestServer server;
  RequestTable table(&server.engine());
  server.gate().Close();
  const auto first = std::make_shared<RemovingSink>(&table, "a");
  ASSERT_TRUE(table.Submit(Request("a"), first).ok());
  const auto second = std::make_shared<RemovingSink>(&table, "a");
  EXPECT_EQ(table.Submit(Request("a"), second).code(), absl::StatusCode::kAlreadyExists);
  const auto other = std::make_shared<RemovingSink>(&table, "b");
  EXPECT_TRUE(table.Submit(Request("b"), other).ok());
  server.gate().Open();
  EXPECT_EQ(first->AwaitReason(), FinishReason::kLength);
  EXPECT_EQ(other->AwaitReason(), FinishReason::kLength);
  ASSERT_TRUE(table.Submit(Request("a"), second).ok());
  EXPECT_EQ(second->AwaitReason(), FinishReason::kLength);
}

TEST(RequestTable, CancelsTheRequestWithTheIdAndTellsAtItsEnd) {
  TestServer server;
  RequestTable table(&server.engine());
  server.gate().Close();
  const auto cancelled = std::make_shared<RemovingSink>(&table, "a");
  const auto left_alone = std::make_shared<RemovingSink>(&table, "b");
  ASSERT_TRUE(table.Submit(Request("a"), cancelled).ok());
  ASSERT_TRUE(table.Submit(Request("b"), left_alone).ok());
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
    EXPECT_EQ(table.Submit(Request("a"), sink).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_FALSE(table.Remove("a"));
}

}  // namespace
}  // namespace pass
