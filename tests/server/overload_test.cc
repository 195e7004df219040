// Full queues, lost and slow clients, deadlines, and the end of the server: whatever happens, each call gets
// one status, its pages return, and nobody else notices.
#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/error_details.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

// Pages for one sequence at a time: a second request completes only when the first one's pages are back.
TestServerOptions OneAtATime() {
  return {.model = {.vocab_size = 257,
                    .context_length = 256,
                    .num_lookahead = 4,
                    .page_tokens = 16,
                    .total_pages = 16}};
}

v1::GenerateRequest WholePool() { return TextRequest("take it all", 240); }

TEST(Overload, RefusesWhatTheQueueCannotHoldAndSaysWhenToRetry) {
  TestServer server({.engine = {.max_sequences = 1}, .max_queue = 2});
  server.gate().Close();
  auto running =
      std::async(std::launch::async, [&] { return CallComplete(server.stub(), TextRequest("a", 2)); });
  server.gate().AwaitHeld();
  // More calls than may wait. The first one that is answered while the model is held must be a refusal.
  absl::Mutex mutex;
  int refused = 0;
  const auto call = [&] {
    grpc::ClientContext context;
    v1::CompleteResponse response;
    const grpc::Status status = server.stub().Complete(&context, TextRequest("b", 2), &response);
    absl::MutexLock lock(&mutex);
    if (status.ok()) {
      EXPECT_GT(refused, 0);
      return;
    }
    ++refused;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    const auto retry = DetailOf<google::rpc::RetryInfo>(status);
    EXPECT_TRUE(retry.has_value() && retry->retry_delay().seconds() >= 1);
    EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
    server.gate().Open();
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) callers.emplace_back(call);
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(running.get().status.ok());
  EXPECT_EQ(server.Metric("pass_rejected_requests_total{reason=\"queue_full\"}"), refused);
}

TEST(Overload, IsUnavailableWhileLoading) {
  TestServer server({.serve = false});
  server.metrics().set_counting(false);  // as until warm-up is over
  const StreamResult stream = ReadStream(server.stub(), TextRequest("a", 2));
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(stream.status).has_value());
  EXPECT_EQ(CallComplete(server.stub(), TextRequest("a", 2)).status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.Metric("pass_rejected_requests_total{reason=\"loading\"}"), 2);
  EXPECT_EQ(server.Metric("pass_requests_by_code_total{code=\"UNAVAILABLE\"}"), 2);
}

TEST(Overload, FinishesWhatRunsAndRefusesTheRestWhileDraining) {
  TestServer server;
  server.gate().Close();
  auto running =
      std::async(std::launch::async, [&] { return ReadStream(server.stub(), TextRequest("a", 20)); });
  server.gate().AwaitHeld();
  server.gateway().StopAccepting();
  auto drained =
      std::async(std::launch::async, [&] { return server.engine().Drain(absl::InfiniteFuture()); });
  const CompleteResult late = CallComplete(server.stub(), TextRequest("b", 2));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(late.status).has_value());
  server.gate().Open();
  EXPECT_TRUE(drained.get());
  const StreamResult stream = running.get();
  EXPECT_TRUE(stream.status.ok());
  EXPECT_EQ(stream.token_ids().size(), 20u);
}

TEST(Overload, EndsWithUnavailableAndWhatThereIsWhenTheDrainTakesTooLong) {
  // Long enough that it cannot end by itself.
  TestServer server(
      {.model = {.vocab_size = 257, .context_length = 100'000, .page_tokens = 16, .total_pages = 10'000}});
  server.gate().Close();
  auto running =
      std::async(std::launch::async, [&] { return ReadStream(server.stub(), TextRequest("a", 90'000)); });
  server.gate().AwaitHeld();
  auto drained = std::async(std::launch::async, [&] { return server.engine().Drain(absl::InfinitePast()); });
  server.gate().Open();
  EXPECT_FALSE(drained.get());
  const StreamResult stream = running.get();
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  ASSERT_FALSE(stream.messages.empty());
  EXPECT_EQ(stream.messages.back().finish().reason(), v1::FINISH_REASON_ERROR);
  EXPECT_EQ(stream.messages.back().finish().usage().completion_tokens(),
            static_cast<int>(stream.token_ids().size()));
  EXPECT_EQ(server.Metric("pass_cancelled_requests_total{cause=\"drain\"}"), 1);
}

TEST(Overload, GivesACancelledStreamsPagesToTheNextRequest) {
  TestServer server(OneAtATime());
  server.gate().Close();
  grpc::ClientContext context;
  const auto reader = server.stub().Generate(&context, WholePool());
  server.gate().AwaitHeld();
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server.gate().Open();
  EXPECT_TRUE(CallComplete(server.stub(), WholePool()).status.ok());
}

TEST(Overload, EndsARequestAtItsDeadline) {
  // Long enough that it cannot end by itself, and nearly the whole pool.
  TestServer server(
      {.model = {.vocab_size = 257, .context_length = 100'000, .page_tokens = 16, .total_pages = 6'250}});
  ASSERT_TRUE(CallComplete(server.stub(), TextRequest("connect", 1)).status.ok());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::CompleteResponse response;
  EXPECT_EQ(server.stub().Complete(&context, TextRequest("a", 99'900), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(CallComplete(server.stub(), TextRequest("b", 200)).status.ok());
  // On a machine that is busy enough, the client's end of the deadline comes so early that it looks like a
  // cancel.
  EXPECT_EQ(server.Metric("pass_cancelled_requests_total{cause=\"deadline\"}") +
                server.Metric("pass_cancelled_requests_total{cause=\"client\"}"),
            1);
}

// A connection that takes next to nothing before the client reads.
std::unique_ptr<v1::PassService::Stub> NarrowStub(TestServer& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::PassService::NewStub(
      grpc::CreateCustomChannel(server.grpc().address(), grpc::InsecureChannelCredentials(), arguments));
}

TEST(Overload, MergesWhatASlowReaderLeavesAndLosesNothing) {
  TestServerOptions options = OneAtATime();
  options.gateway.outbox_tokens = 1000;
  TestServer server(options);
  const CompleteResult expected = CallComplete(server.stub(), WholePool());
  const auto narrow = NarrowStub(server);
  grpc::ClientContext context;
  const auto reader = narrow->Generate(&context, WholePool());
  reader->WaitForInitialMetadata();  // the stream has begun
  // Completes when the stream has given its pages back: everything has been generated, next to nothing read.
  ASSERT_TRUE(CallComplete(server.stub(), WholePool()).status.ok());
  StreamResult stream;
  for (v1::GenerateResponse message; reader->Read(&message);) stream.messages.push_back(message);
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_LT(stream.messages.size(), 240u);
  const auto& ids = expected.response.token_ids();
  EXPECT_EQ(stream.token_ids(), std::vector<int>(ids.begin(), ids.end()));
  EXPECT_EQ(stream.text(), expected.response.text());
  int rows = 0;
  for (const auto& message : stream.messages) rows += message.speculation().rows();
  EXPECT_EQ(rows, 240);
}

TEST(Overload, PausesASlowReaderWithoutLosingAnything) {
  TestServerOptions options = OneAtATime();
  options.gateway.outbox_tokens = 4;
  TestServer server(options);
  const CompleteResult expected = CallComplete(server.stub(), WholePool());
  const auto narrow = NarrowStub(server);
  grpc::ClientContext context;
  const auto reader = narrow->Generate(&context, WholePool());
  StreamResult stream;
  for (v1::GenerateResponse message; reader->Read(&message);) {
    stream.messages.push_back(message);
    EXPECT_LE(message.token_ids_size(), 6);
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(stream.text(), expected.response.text());
}

TEST(Overload, CutsOffAReaderThatDoesNotComeBack) {
  TestServerOptions options = OneAtATime();
  options.gateway.outbox_tokens = 4;
  options.engine.slow_reader_limit = absl::Milliseconds(20);
  TestServer server(options);
  const auto narrow = NarrowStub(server);
  grpc::ClientContext context;
  const auto reader = narrow->Generate(&context, WholePool());
  reader->WaitForInitialMetadata();  // the stream has begun
  ASSERT_TRUE(CallComplete(server.stub(), WholePool()).status.ok());
  EXPECT_EQ(server.Metric("pass_cancelled_requests_total{cause=\"slow_reader\"}"), 1);
  EXPECT_EQ(server.Metric("pass_slow_reader_cutoffs_total"), 1);
  for (v1::GenerateResponse message; reader->Read(&message);) {
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("--slow-reader-timeout"));
}

TEST(Overload, SurvivesClientsThatVanishInAnyState) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  TestServer server({.engine = {.max_sequences = 4}});
  constexpr int kCalls = 60;
  std::vector<std::thread> clients;
  for (int i = 0; i < kCalls; ++i) {
    const int reads = static_cast<int>(random() % 12);
    const bool narrow = random() % 3 == 0;
    clients.emplace_back([&server, reads, narrow, i] {
      const auto own = NarrowStub(server);
      v1::PassService::Stub& stub = narrow ? *own : server.stub();
      grpc::ClientContext context;
      const auto reader = stub.Generate(&context, TextRequest("go", 50, i % 2 == 0 ? "pass" : "plain"));
      v1::GenerateResponse message;
      for (int k = 0; k < reads && reader->Read(&message); ++k) {
      }
      context.TryCancel();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(CallComplete(server.stub(), TextRequest("still here", 20)).status.ok());
  server.DrainAndStop();  // returns only when every reactor is done
  EXPECT_EQ(server.Metric("pass_requests_running") + server.Metric("pass_requests_waiting"), 0);
  EXPECT_EQ(server.Metric("pass_kv_cache_usage_ratio"), 0);
}

TEST(Overload, GivesRunningAndQueuedStreamsTheirStatusWhenItStops) {
  TestServer server({.engine = {.max_sequences = 1}});
  server.gate().Close();
  std::vector<std::future<StreamResult>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(
        std::async(std::launch::async, [&] { return ReadStream(server.stub(), TextRequest("a", 100)); }));
  }
  server.gate().AwaitHeld();
  server.gate().Open();
  server.DrainAndStop(/*last_messages=*/absl::Minutes(30));
  for (auto& stream : streams) {
    const StreamResult result = stream.get();
    // gRPC itself cancels a call that arrives while the server stops.
    const bool too_late =
        result.messages.empty() && result.status.error_code() == grpc::StatusCode::CANCELLED;
    EXPECT_TRUE(result.status.ok() || result.status.error_code() == grpc::StatusCode::UNAVAILABLE || too_late)
        << result.status.error_code() << result.status.error_message();
  }
}

TEST(Overload, DoesNotWaitForAReaderWhenItStops) {
  TestServer server;
  const auto narrow = NarrowStub(server);
  grpc::ClientContext context;
  const auto unread = narrow->Generate(&context, TextRequest("b", 200));
  v1::GenerateResponse message;
  ASSERT_TRUE(unread->Read(&message));
  server.DrainAndStop();  // returns while the client reads nothing
  while (unread->Read(&message)) {
  }
  EXPECT_FALSE(unread->Finish().ok() && !message.has_finish());
}

}  // namespace
}  // namespace pass
