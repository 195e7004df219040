// Health, reflection, ports and the first generations.
#include "server/health.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "server/metrics_endpoint.h"
#include "server/warm_up.h"
#include "tests/fakes/fake_clock.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

using testing::HasSubstr;

// A unary call with bytes as messages, for services whose code is not generated here.
grpc::Status CallBytes(TestServer& server, const std::string& method, const std::string& request,
                       std::string* response) {
  grpc::GenericStub stub(server.channel());
  grpc::ClientContext context;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, method, sent, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&received, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (status.ok() && received.DumpToSingleSlice(&whole).ok()) {
    response->assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
  }
  return status;
}

// grpc.health.v1: HealthCheckRequest {1: service}, HealthCheckResponse {1: status}, SERVING = 1, NOT_SERVING
// = 2.
bool Serving(TestServer& server, const std::string& service) {
  std::string request;
  if (!service.empty()) request = std::string("\x0a") + static_cast<char>(service.size()) + service;
  std::string response;
  const grpc::Status status = CallBytes(server, "/grpc.health.v1.Health/Check", request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response == std::string("\x08\x01", 2);
}

TEST(Health, IsAliveFromTheStartAndReadyWhenTold) {
  TestServer server;
  EXPECT_TRUE(Serving(server, ""));
  EXPECT_FALSE(Serving(server, "pass_server.v1.PassService"));
  server.grpc().SetReady(true);
  EXPECT_TRUE(Serving(server, "pass_server.v1.PassService"));
  server.grpc().SetReady(false);
  EXPECT_FALSE(Serving(server, "pass_server.v1.PassService"));
  EXPECT_TRUE(Serving(server, ""));
}

TEST(Health, CallsAnEngineDeadOnlyIfItHasWorkAndDoesNotMove) {
  const absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  const absl::Duration limit = absl::Seconds(30);
  EXPECT_TRUE(EngineAlive(/*busy=*/false, now - absl::Hours(1), now, limit));
  EXPECT_TRUE(EngineAlive(/*busy=*/true, now - absl::Seconds(30), now, limit));
  EXPECT_FALSE(EngineAlive(/*busy=*/true, now - absl::Seconds(31), now, limit));
}

class RecordedHealth final : public grpc::HealthCheckServiceInterface {
 public:
  void SetServingStatus(const std::string& service, bool serving) override {
    absl::MutexLock lock(&mutex_);
    serving_[service] = serving;
  }
  void SetServingStatus(bool /*serving*/) override {}
  void Await(const std::string& service, bool serving) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] {
      mutex_.AssertReaderHeld();
      const auto found = serving_.find(service);
      return found != serving_.end() && found->second == serving;
    };
    mutex_.Await(absl::Condition(&reached));
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, bool> serving_ ABSL_GUARDED_BY(mutex_);
};

TEST(Health, SaysWhetherItIsReadyForEveryServiceByItsName) {
  RecordedHealth health;
  const std::vector<std::string> services = {"pass_server.v1.PassService", "other.Service"};
  for (const bool ready : {true, false}) {
    SetReadiness(&health, services, ready);
    for (const std::string& service : services) health.Await(service, ready);
  }
}

TEST(Health, LivenessFollowsTheEnginesHeartbeat) {
  TestServer server;
  RecordedHealth health;
  server.gate().Close();
  grpc::ClientContext context;
  const auto reader = server.stub().Generate(&context, TextRequest("a", 2));
  server.gate().AwaitHeld();
  FakeClock clock(absl::Now() + absl::Minutes(1));
  const Liveness liveness(
      {.limit = absl::Seconds(30), .interval = absl::Milliseconds(1)}, &server.engine(), [] { return true; },
      &health, &clock);
  health.Await("", false);
  server.gate().Open();
  health.Await("", true);
}

TEST(Health, LivenessFollowsWhetherClientsCanConnect) {
  TestServer server;
  RecordedHealth health;
  FakeClock clock;
  std::atomic<bool> room{false};
  const Liveness liveness(
      {.limit = absl::Seconds(30), .interval = absl::Milliseconds(1)}, &server.engine(),
      [&room] { return room.load(); }, &health, &clock);
  clock.Advance(absl::Seconds(31));
  health.Await("", false);
  room.store(true);
  health.Await("", true);
}

TEST(GrpcServer, ServesReflectionOnlyWhenAsked) {
  const std::string method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  std::string response;
  TestServer without;
  EXPECT_EQ(CallBytes(without, method, "", &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  TestServer with({.grpc = {.reflection = true}});
  EXPECT_TRUE(CallBytes(with, method, "", &response).ok());
}

TEST(GrpcServer, NamesTheFlagOfAPortThatIsTaken) {
  TestServer server;
  const auto second = StartGrpcServer({.listen = server.grpc().address()}, &server.gateway());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("--listen"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server.grpc().address()));
  EXPECT_FALSE(StartGrpcServer({.listen = "nonsense"}, &server.gateway()).ok());
}

const SystemClock kClock;

TEST(MetricsEndpoint, NamesTheFlagOfAPortThatIsTaken) {
  TestServer server;
  const auto first = MetricsEndpoint::Start("127.0.0.1:0", server.metrics().registry(), &kClock);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = MetricsEndpoint::Start((*first)->address(), server.metrics().registry(), &kClock);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("--metrics-listen"));
}

TEST(WarmUp, UsesPlainAndTreeAndCountsAsNoTraffic) {
  TestServer server;
  server.metrics().set_counting(false);
  ASSERT_TRUE(WarmUp(server.model(), {.max_batch = 4, .prefill_rows = 64}, kClock, &server.engine()).ok());
  EXPECT_EQ(server.Metric("pass_requests_total{outcome=\"length\"}"), 0);
  server.metrics().set_counting(true);
  ASSERT_TRUE(WarmUp(server.model(), {.max_batch = 4, .prefill_rows = 64}, kClock, &server.engine()).ok());
  EXPECT_EQ(server.Metric("pass_requests_total{outcome=\"length\"}"), 1 + 2 * (1 + 2 + 4));
  EXPECT_GT(server.Metric("pass_forwards_total{method=\"tree\"}"), 0);
}

TEST(WarmUp, MakesNoMoreThanTwoGenerationsWhenItHasNoTime) {
  TestServer server;
  const WarmUpOptions options{.max_batch = 4, .prefill_rows = 64, .budget = absl::ZeroDuration()};
  ASSERT_TRUE(WarmUp(server.model(), options, kClock, &server.engine()).ok());
  EXPECT_EQ(server.Metric("pass_requests_total{outcome=\"length\"}"), 2);
}

TEST(WarmUp, FailsWithAModelThatCannotGenerate) {
  TestServer server({.logits = [](std::span<const TokenId>, int, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), std::numeric_limits<float>::quiet_NaN());
  }});
  EXPECT_FALSE(WarmUp(server.model(), {.max_batch = 1, .prefill_rows = 4}, kClock, &server.engine()).ok());
}

}  // namespace
}  // namespace pass
