#include "core/kernels/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>
#include <vector>

namespace pass {
namespace {

TEST(ThreadTeam, CallsEachPartOfARangeOnce) {
  for (const int size : {1, 2, 3, 5}) {
    ThreadTeam team(size);
    for (int64_t count = 0; count < 60; ++count) {
      for (const int64_t grain : {1, 4, 100}) {
        std::vector<std::atomic<int>> calls(count);
        team.For(7, 7 + count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++calls[i - 7];
        });
        for (int64_t i = 0; i < count; ++i)
          ASSERT_EQ(calls[i], 1) << i << " of " << count << ", team of " << size;
      }
    }
  }
}

TEST(ThreadTeam, ShowsTheCallerWhatItsMembersWrote) {
  ThreadTeam team(4);
  std::vector<int64_t> values(1000);
  for (int round = 0; round < 3000; ++round) {
    team.For(0, 1000, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) values[i] = round + i;
    });
    ASSERT_EQ(values[0] + values[999], 2 * round + 999);
  }
}

TEST(ThreadTeam, RunsALoopInsideALoopOnOneThread) {
  ThreadTeam team(3);
  const TeamScope scope(&team);
  std::atomic<int> sum = 0;
  ParallelFor(0, 10, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ParallelFor(0, 10, 1, [&](int64_t inner_begin, int64_t inner_end) {
        EXPECT_EQ(inner_end - inner_begin, 10);
        sum += static_cast<int>(inner_end - inner_begin);
      });
    }
  });
  EXPECT_EQ(sum, 100);
}

TEST(ThreadTeam, IsUsedWithinItsScopeOnly) {
  ThreadTeam team(4);
  int calls = 0;
  ParallelFor(0, 1000, 1, [&](int64_t, int64_t) { ++calls; });
  EXPECT_EQ(calls, 1);
}

double ProcessSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Not a matter of speed: a team that spun would take as much processor time as has passed, times its members.
TEST(ThreadTeam, TakesNoProcessorTimeWhileItIsIdle) {
  ThreadTeam team(3);
  team.For(0, 100, 1, [](int64_t, int64_t) {});
  const double before = ProcessSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(ProcessSeconds() - before, 0.25);
}

TEST(ThreadTeam, TakesNoProcessorTimeWhileItsCallerWaitsForAMember) {
  ThreadTeam team(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<bool> entered = false;
  const double before = ProcessSeconds();
  team.For(0, 2, 1, [&](int64_t, int64_t) {
    if (std::this_thread::get_id() == caller) {
      entered.wait(false);  // so that the other part is the other member's
    } else {
      entered.store(true);
      entered.notify_one();
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  });
  EXPECT_LT(ProcessSeconds() - before, 0.25);
}

}  // namespace
}  // namespace pass
