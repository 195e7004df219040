// A few threads that share the work of one caller: the model's loops over outputs, rows and heads. A member that waits
// spins for some microseconds, because the next loop usually follows at once, and then sleeps, so that an idle team
// takes no processor time and a busy machine is not blocked by waiting.
//
// Each member first works through its own share of a range, piece by piece, and then through what is left of the
// others'. A loop is over when its pieces are: a member that the machine wakes late, or has interrupted between two
// pieces, is not waited for.
//
// A team belongs to one caller at a time. A loop inside a loop runs on its own thread alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace pass {

using RangeFunction = absl::FunctionRef<void(int64_t begin, int64_t end)>;

class ThreadTeam {
 public:
  // `size`: members, the caller included; at least 1.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls f for parts that make up [begin, end), each of at least `grain` but for the last, on all members at once.
  // Returns when all is done; what f wrote is then seen. f must not throw.
  void For(int64_t begin, int64_t end, int64_t grain, RangeFunction f);

 private:
  // A member's share of the range: pieces [next, end) are left. On a cache line of its own.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void Work(int member);
  void RunShares(int member);
  void RunPiece(int64_t piece);

  std::vector<std::thread> workers_;
  std::unique_ptr<Share[]> shares_;  // by member

  // Of the loop under way: written while it is closed, read by members that have entered it.
  const RangeFunction* function_ = nullptr;
  int64_t begin_ = 0, end_ = 0, piece_size_ = 1;

  alignas(64) std::atomic<uint32_t> phase_{
      0};  // raised when a loop opens, and when it closes: odd while it is open
  alignas(64) std::atomic<int> inside_{0};  // workers that have entered the loop and not left it
  std::atomic<bool> stop_{false};
};

// The team that ParallelFor uses on the calling thread, for as long as this object lives.
class TeamScope {
 public:
  explicit TeamScope(ThreadTeam* team);
  ~TeamScope();
  TeamScope(const TeamScope&) = delete;
  TeamScope& operator=(const TeamScope&) = delete;

 private:
  ThreadTeam* const previous_;
};

// As ThreadTeam::For of the calling thread's team; without one, f(begin, end).
void ParallelFor(int64_t begin, int64_t end, int64_t grain, RangeFunction f);

}  // namespace pass
