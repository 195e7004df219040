#include "core/kernels/thread_team.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pass {
namespace {

constexpr int kPiecesOfAShare = 4;
[[maybe_unused]] constexpr char kName[] = "pass-step";  // as in `top -H`
constexpr int kSpins = 2000;                            // some 20 to 60 microseconds

thread_local ThreadTeam* current_team = nullptr;

void Relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Returns when `value` is another than `old`.
template <typename T>
void WaitWhile(const std::atomic<T>& value, T old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    Relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : shares_(std::make_unique<Share[]>(std::max(size, 1))) {
  for (int member = 1; member < size; ++member) {
    workers_.emplace_back([this, member] { Work(member); });
  }
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true);
  phase_.fetch_add(2);
  phase_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// A worker enters first and looks whether the loop is still open then; the caller closes it first and looks whether
// anybody is inside then. So nobody reads a loop that the caller has left.
void ThreadTeam::Work(int member) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), kName);
#endif
  for (uint32_t seen = 0;;) {
    WaitWhile(phase_, seen);
    seen = phase_.load();
    if (stop_.load()) return;
    if (seen % 2 == 0) continue;
    inside_.fetch_add(1);
    if (phase_.load() == seen) RunShares(member);
    if (inside_.fetch_sub(1) == 1) inside_.notify_one();
  }
}

void ThreadTeam::For(int64_t begin, int64_t end, int64_t grain, RangeFunction f) {
  const int64_t count = end - begin, least = std::max<int64_t>(grain, 1);
  if (count <= 0) return;
  const int64_t parts = std::min<int64_t>(size(), (count + least - 1) / least);
  if (parts <= 1) return f(begin, end);
  function_ = &f;
  begin_ = begin;
  end_ = end;
  const int64_t pieces_wanted = parts * kPiecesOfAShare;
  piece_size_ = std::max(least, (count + pieces_wanted - 1) / pieces_wanted);
  const int64_t pieces = (count + piece_size_ - 1) / piece_size_;
  for (int member = 0; member < size(); ++member) {
    shares_[member].next.store(pieces * member / size(), std::memory_order_relaxed);
    shares_[member].end = pieces * (member + 1) / size();
  }
  phase_.fetch_add(1);
  phase_.notify_all();
  RunShares(0);
  phase_.fetch_add(1);
  for (int inside = inside_.load(); inside > 0; inside = inside_.load()) WaitWhile(inside_, inside);
}

// The member's own share first, then what is left of the others'.
void ThreadTeam::RunShares(int member) {
  ThreadTeam* const outer = std::exchange(current_team, nullptr);  // a loop inside runs on this thread alone
  for (int i = 0; i < size(); ++i) {
    Share& share = shares_[(member + i) % size()];
    while (true) {
      if (share.next.load(std::memory_order_relaxed) >= share.end) break;
      const int64_t piece = share.next.fetch_add(1, std::memory_order_relaxed);
      if (piece >= share.end) break;
      RunPiece(piece);
    }
  }
  current_team = outer;
}

void ThreadTeam::RunPiece(int64_t piece) {
  const int64_t first = begin_ + piece * piece_size_;
  (*function_)(first, std::min(first + piece_size_, end_));
}

TeamScope::TeamScope(ThreadTeam* team) : previous_(std::exchange(current_team, team)) {}
TeamScope::~TeamScope() { current_team = previous_; }

void ParallelFor(int64_t begin, int64_t end, int64_t grain, RangeFunction f) {
  if (current_team != nullptr) return current_team->For(begin, end, grain, f);
  if (begin < end) f(begin, end);
}

}  // namespace pass
