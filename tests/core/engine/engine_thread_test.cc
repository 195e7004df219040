#include "core/engine/engine_thread.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

// Holds every forward until it is opened, so that a test decides what happens while one runs.
class Gate {
 public:
  void Open() {
    absl::MutexLock lock(&mutex_);
    open_ = true;
  }
  void Wait() {
    absl::MutexLock lock(&mutex_);
    ++num_arrived_;
    mutex_.Await(absl::Condition(&open_));
  }
  void AwaitArrival() {
    absl::MutexLock lock(&mutex_);
    const auto arrived = [this] {
      mutex_.AssertReaderHeld();
      return num_arrived_ > 0;
    };
    mutex_.Await(absl::Condition(&arrived));
  }

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int num_arrived_ ABSL_GUARDED_BY(mutex_) = 0;
};

class EngineThreadTest : public testing::Test {
 protected:
  void Start(int max_queue = 64, const EngineOptions& options = {}) {
    thread_ = std::make_unique<EngineThread>(
        std::make_unique<Engine>(&model_, &tokenizer_, std::vector<TokenId>{}, options, nullptr, &clock_),
        max_queue, &clock_);
  }
  // No forward ends before gate_ is opened.
  void HoldForwards() {
    model_.OnForward([this](std::span<const Row>) {
      gate_.Wait();
      return absl::OkStatus();
    });
  }

  SystemClock clock_;
  ByteTokenizer tokenizer_;
  TableModel model_{TableModelOptions{.vocab_size = 257, .context_length = 4096, .total_pages = 1024},
                    ScriptedLogits(Bytes("0123456789"))};
  Gate gate_;
  std::unique_ptr<EngineThread> thread_;
};

TEST_F(EngineThreadTest, RunsARequestToItsEnd) {
  Start();
  const auto sink = std::make_shared<RecordingSink>();
  ASSERT_TRUE(thread_->Submit(Request("0", 5), sink).ok());
  ASSERT_TRUE(sink->WaitFinished());
  EXPECT_EQ(sink->text(), "12345");
}

TEST_F(EngineThreadTest, RefusesWhatDoesNotFitTheQueue) {
  HoldForwards();
  Start(/*max_queue=*/2, {.max_sequences = 1});
  const auto running = std::make_shared<RecordingSink>();
  ASSERT_TRUE(thread_->Submit(Request("0", 5), running).ok());
  gate_.AwaitArrival();
  std::vector<std::shared_ptr<RecordingSink>> accepted;
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    const auto sink = std::make_shared<RecordingSink>();
    const auto handle = thread_->Submit(Request("0", 5), sink);
    if (handle.ok()) {
      accepted.push_back(sink);
    } else {
      EXPECT_TRUE(absl::IsResourceExhausted(handle.status()));
      ++refused;
    }
  }
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(accepted.size(), 2u);  // the one in the forward does not wait
  gate_.Open();
  for (const auto& sink : accepted) EXPECT_TRUE(sink->WaitFinished());
}

TEST_F(EngineThreadTest, CancelsARunningRequest) {
  HoldForwards();
  Start();
  const auto sink = std::make_shared<RecordingSink>();
  const auto handle = thread_->Submit(Request("0", 4000), sink);
  ASSERT_TRUE(handle.ok());
  gate_.AwaitArrival();
  thread_->Cancel(*handle);
  gate_.Open();
  ASSERT_TRUE(sink->WaitFinished());
  EXPECT_EQ(sink->finish()->reason, FinishReason::kCancelled);
  EXPECT_EQ(sink->finish()->completion_tokens, 1);
}

TEST_F(EngineThreadTest, WakesForADeadlineWhileTheReaderIsSlow) {
  Start();
  const auto sink = std::make_shared<RecordingSink>();
  sink->set_ready(false);
  GenerationRequest request = Request("0", 5);
  request.deadline = absl::Now() + absl::Milliseconds(20);
  ASSERT_TRUE(thread_->Submit(request, sink).ok());
  ASSERT_TRUE(sink->WaitFinished());
  EXPECT_EQ(sink->finish()->reason, FinishReason::kDeadline);
}

TEST_F(EngineThreadTest, GoesOnWhenAReaderWakesIt) {
  Start();
  const auto sink = std::make_shared<RecordingSink>();
  sink->set_ready(false);
  ASSERT_TRUE(thread_->Submit(Request("0", 5), sink).ok());
  sink->set_ready(true);
  thread_->Wake();
  ASSERT_TRUE(sink->WaitFinished());
  EXPECT_EQ(sink->text(), "12345");
}

TEST_F(EngineThreadTest, DrainsWhatRunsAndRefusesWhatIsNew) {
  Start();
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 20; ++i) {
    sinks.push_back(std::make_shared<RecordingSink>());
    ASSERT_TRUE(thread_->Submit(Request("0", 50), sinks.back()).ok());
  }
  EXPECT_TRUE(thread_->Drain(absl::InfiniteFuture()));
  for (const auto& sink : sinks) EXPECT_EQ(sink->finish()->reason, FinishReason::kLength);
  const auto late = thread_->Submit(Request("0", 5), std::make_shared<RecordingSink>());
  EXPECT_TRUE(absl::IsUnavailable(late.status()));
  EXPECT_TRUE(thread_->Drain(absl::InfiniteFuture()));  // once more is harmless
}

TEST_F(EngineThreadTest, EndsWithUnavailableWhatADrainCannotWaitFor) {
  Start();
  const auto sink = std::make_shared<RecordingSink>();
  sink->set_ready(false);  // never ends by itself
  ASSERT_TRUE(thread_->Submit(Request("0", 5), sink).ok());
  EXPECT_FALSE(thread_->Drain(absl::Now()));
  EXPECT_EQ(sink->finish()->reason, FinishReason::kError);
  EXPECT_TRUE(absl::IsUnavailable(sink->finish()->error));
}

TEST_F(EngineThreadTest, EndsEveryRequestWhenItIsDestroyed) {
  HoldForwards();
  Start(/*max_queue=*/64, {.max_sequences = 2});
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 8; ++i) {
    sinks.push_back(std::make_shared<RecordingSink>());
    ASSERT_TRUE(thread_->Submit(Request("0", 4000), sinks.back()).ok());
  }
  gate_.AwaitArrival();
  gate_.Open();
  thread_.reset();
  for (const auto& sink : sinks) EXPECT_TRUE(absl::IsUnavailable(sink->finish()->error));
  EXPECT_EQ(model_.kv_usage().reserved_pages, 0);
}

TEST_F(EngineThreadTest, IsBusyDuringAForwardAndBeatsAfterIt) {
  HoldForwards();
  Start();
  const absl::Time before = absl::Now();
  const auto sink = std::make_shared<RecordingSink>();
  ASSERT_TRUE(thread_->Submit(Request("0", 1), sink).ok());
  gate_.AwaitArrival();
  EXPECT_TRUE(thread_->busy());
  gate_.Open();
  EXPECT_TRUE(thread_->Drain(absl::InfiniteFuture()));
  EXPECT_GE(thread_->last_heartbeat(), before);
}

TEST_F(EngineThreadTest, EndsEveryRequestAndSaysSoOnceWhenTheDeviceIsLost) {
  model_.OnForward([this](std::span<const Row>) {
    gate_.Wait();
    return absl::UnavailableError("CUDA error: an illegal memory access was encountered");
  });
  absl::Notification lost;
  thread_ = std::make_unique<EngineThread>(
      std::make_unique<Engine>(&model_, &tokenizer_, std::vector<TokenId>{},
                               EngineOptions{.max_sequences = 1}, nullptr, &clock_),
      /*max_queue=*/64, &clock_, [&] { lost.Notify(); });  // a second call would end the program
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  const auto submit = [&] {
    sinks.push_back(std::make_shared<RecordingSink>());
    ASSERT_TRUE(thread_->Submit(Request("0", 50), sinks.back()).ok());
  };
  for (int i = 0; i < 3; ++i) submit();
  gate_.AwaitArrival();
  gate_.Open();
  lost.WaitForNotification();
  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->WaitFinished());
    EXPECT_TRUE(absl::IsInternal(sink->finish()->error)) << sink->finish()->error;
  }
  const int forwards = model_.num_forwards();
  submit();
  ASSERT_TRUE(sinks.back()->WaitFinished());
  EXPECT_TRUE(absl::IsInternal(sinks.back()->finish()->error));
  EXPECT_TRUE(thread_->Drain(absl::InfiniteFuture()));
  EXPECT_EQ(model_.num_forwards(), forwards);
}

TEST_F(EngineThreadTest, GoesOnAfterAForwardThatFailed) {
  bool failed = false;
  model_.OnForward([&](std::span<const Row>) {
    return std::exchange(failed, true) ? absl::OkStatus() : absl::InternalError("out of luck");
  });
  Start();
  const auto first = std::make_shared<RecordingSink>(), second = std::make_shared<RecordingSink>();
  ASSERT_TRUE(thread_->Submit(Request("0", 5), first).ok());
  ASSERT_TRUE(first->WaitFinished());
  EXPECT_TRUE(absl::IsInternal(first->finish()->error));
  ASSERT_TRUE(thread_->Submit(Request("0", 5), second).ok());
  ASSERT_TRUE(second->WaitFinished());
  EXPECT_EQ(second->text(), "12345");
}

TEST_F(EngineThreadTest, TakesRequestsAndCancelsFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 40;
  Start(/*max_queue=*/32, {.max_sequences = 5});
  std::vector<std::vector<std::shared_ptr<RecordingSink>>> accepted(kThreads);
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0; i < kRequests; ++i) {
        const auto sink = std::make_shared<RecordingSink>();
        const auto handle =
            thread_->Submit(Request("0", 1 + i, i % 2 == 0 ? Method::kPass : Method::kAuto), sink);
        if (!handle.ok()) continue;
        accepted[t].push_back(sink);
        if (i % 5 == 0) thread_->Cancel(*handle);
        if (i % 7 == 0) sink->set_ready(false);
        if (i % 7 == 0) sink->set_ready(true);
        thread_->Wake();
        thread_->busy();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(thread_->Drain(absl::InfiniteFuture()));
  size_t num_accepted = 0;
  for (const auto& sinks : accepted) {
    num_accepted += sinks.size();
    for (const auto& sink : sinks) {
      ASSERT_TRUE(sink->finish().has_value());
      EXPECT_EQ(static_cast<int>(sink->token_ids().size()), sink->finish()->completion_tokens);
    }
  }
  EXPECT_GT(num_accepted, 0u);
  EXPECT_EQ(model_.kv_usage().reserved_pages, 0);
}

}  // namespace
}  // namespace pass
