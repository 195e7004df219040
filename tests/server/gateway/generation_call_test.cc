// What a call does at its end and at its cancel, in front of a real engine whose model a test can hold.
#include "server/gateway/generation_call.h"

#include <grpcpp/server_context.h>
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

// A call and its reports, without a connection.
class CallWithoutClient final : public TokenSink {
 public:
  CallWithoutClient(const CallEnvironment& environment, const std::string& id)
      : request_(EngineRequest(id)), call_(environment, context_, request_, "Generate") {}

  static absl::Status Submit(const std::shared_ptr<CallWithoutClient>& call) {
    return call->call_.Submit(call->request_, call);
  }
  void Cancel() { call_.Cancel(); }

  void OnStep(const StepReport& /*report*/) override {}
  void OnFinish(const FinishReport& report) override {
    const GenerationCall::End end = call_.Finish(report);
    absl::MutexLock lock(&mutex_);
    end_ = end;
  }
  GenerationCall::End AwaitEnd() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [this] {
      mutex_.AssertReaderHeld();
      return end_.has_value();
    };
    mutex_.Await(absl::Condition(&ended));
    return *end_;
  }

 private:
  const GenerationRequest request_;
  grpc::CallbackServerContext context_;
  GenerationCall call_;
  absl::Mutex mutex_;
  std::optional<GenerationCall::End> end_ ABSL_GUARDED_BY(mutex_);
};

TEST(GenerationCall, IsCancelledAsItsClientWishesAndNotAsASlowReader) {
  TestServer server;
  const SystemClock clock;
  RequestTable table(&server.engine());
  const CallEnvironment environment = {
      .engine = &server.engine(), .requests = &table, .metrics = &server.metrics(), .clock = &clock};
  server.gate().Close();
  const auto call = std::make_shared<CallWithoutClient>(environment, "a");
  ASSERT_TRUE(CallWithoutClient::Submit(call).ok());
  call->Cancel();
  server.gate().Open();
  EXPECT_EQ(call->AwaitEnd().status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(call->AwaitEnd().slow_reader);
  EXPECT_EQ(server.Metric("pass_cancelled_requests_total{cause=\"client\"}"), 1);
}

TEST(GenerationCall, DoesNotCancelTheNextCallWithItsIdWhenItIsCancelledLate) {
  TestServer server;
  const SystemClock clock;
  RequestTable table(&server.engine());
  const CallEnvironment environment = {
      .engine = &server.engine(), .requests = &table, .metrics = &server.metrics(), .clock = &clock};
  const auto first = std::make_shared<CallWithoutClient>(environment, "a");
  ASSERT_TRUE(CallWithoutClient::Submit(first).ok());
  EXPECT_TRUE(first->AwaitEnd().status.ok());
  server.gate().Close();
  const auto second = std::make_shared<CallWithoutClient>(environment, "a");
  ASSERT_TRUE(CallWithoutClient::Submit(second).ok());
  first->Cancel();
  server.gate().Open();
  EXPECT_TRUE(second->AwaitEnd().status.ok());
}

TEST(GenerationCall, TellsADeadlineFromACancel) {
  const absl::Time start = absl::UnixEpoch();
  const absl::Time deadline = start + absl::Seconds(100);
  EXPECT_TRUE(IsDeadline(deadline, start, deadline));
  EXPECT_TRUE(IsDeadline(deadline + absl::Seconds(1), start, deadline));
  EXPECT_TRUE(IsDeadline(deadline - absl::Seconds(1), start, deadline));
  EXPECT_FALSE(IsDeadline(deadline - absl::Seconds(3), start, deadline));
  EXPECT_TRUE(IsDeadline(start + absl::Milliseconds(40), start, start + absl::Milliseconds(50)));
  EXPECT_FALSE(IsDeadline(start + absl::Milliseconds(20), start, start + absl::Milliseconds(50)));
  EXPECT_FALSE(IsDeadline(start, start, absl::InfiniteFuture()));
}

}  // namespace
}  // namespace pass
