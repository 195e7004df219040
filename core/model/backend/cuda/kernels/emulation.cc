#include "core/model/backend/cuda/kernels/emulation.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace pass::cuda::emulated {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;
constexpr unsigned kWarp = 32;

// A place where threads wait for each other, as often as they like. What they leave there for each other is kept by `side`, so
// that those who come to the next turn disturb nobody who still reads.
struct Barrier {
  unsigned waiting = 0;
  unsigned turn = 0;

  unsigned side() const { return turn % 2; }
};

using Fragments = std::array<std::array<uint32_t, 6>, kWarp>;  // a, then b
struct Warp {
  Barrier barrier;
  std::array<std::array<uint64_t, kWarp>, 2> values;
  std::array<Fragments, 2> fragments;
};

struct Fiber {
  Place place;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  ucontext_t start;
  jmp_buf here;
  bool started = false, ended = false;
};

// The threads of a block, one after the other wherever they wait.
class Block {
 public:
  void Run(dim3 block, dim3 blocks, unsigned threads, const std::function<void()>& kernel) {
    kernel_ = &kernel;
    while (fibers_.size() < threads) fibers_.push_back(std::make_unique<Fiber>());
    warps_.assign((threads + kWarp - 1) / kWarp, Warp{});
    barrier_ = {};
    threads_ = threads;
    for (unsigned i = 0; i < threads; ++i) {
      Fiber& fiber = *fibers_[i];
      fiber.place = {.thread = {i, 0, 0}, .block = block, .threads = {threads}, .blocks = blocks};
      fiber.started = fiber.ended = false;
    }
    for (unsigned ended = 0; ended < threads;) {
      ended = 0;
      for (unsigned i = 0; i < threads; ++i) {
        if (!fibers_[i]->ended) Resume(*fibers_[i]);
        ended += fibers_[i]->ended ? 1 : 0;
      }
    }
  }

  const Place& place() const { return current_->place; }

  void Wait(Barrier& barrier, unsigned threads) {
    const unsigned turn = barrier.turn;
    if (++barrier.waiting == threads) {
      barrier.waiting = 0;
      ++barrier.turn;
      return;
    }
    while (barrier.turn == turn) Yield();
  }
  void WaitForBlock() { Wait(barrier_, threads_); }
  int CountOfBlock(bool says) {
    const unsigned side = barrier_.side();
    if (barrier_.waiting == 0) counts_[side] = 0;
    counts_[side] += says ? 1 : 0;
    WaitForBlock();
    return counts_[side];
  }
  Warp& warp() { return warps_[current_->place.thread.x / kWarp]; }
  void WaitForWarp() {
    const unsigned first = current_->place.thread.x / kWarp * kWarp;
    Wait(warp().barrier, std::min(kWarp, threads_ - first));
  }

 private:
  // A fiber is entered by its context once, and by a jump from then on, which asks nothing of the system.
  void Resume(Fiber& fiber) {
    current_ = &fiber;
    if (_setjmp(scheduler_) != 0) return;
    if (fiber.started) _longjmp(fiber.here, 1);
    fiber.started = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = kStackBytes;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, &Block::Enter, 0);
    setcontext(&fiber.start);
  }
  void Yield() {
    if (_setjmp(current_->here) == 0) _longjmp(scheduler_, 1);
  }
  static void Enter();

  const std::function<void()>* kernel_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Warp> warps_;
  Barrier barrier_;
  std::array<int, 2> counts_{};  // of CountOfBlock
  unsigned threads_ = 0;
  Fiber* current_ = nullptr;
  jmp_buf scheduler_;
};

thread_local Block this_block;

void Block::Enter() {
  (*this_block.kernel_)();
  this_block.current_->ended = true;
  _longjmp(this_block.scheduler_, 1);
}

// Element (row, k) or (k, column) of a fragment's words, by who of the warp holds it (PTX ISA, mma.m16n8k16).
float Half(uint32_t word, int which) { return __uint_as_float(which == 0 ? word << 16 : word & 0xffff0000u); }
float ElementOfA(const Fragments& fragments, int row, int k) {
  const size_t lane = static_cast<size_t>(row % 8 * 4 + k % 8 / 2),
               word = static_cast<size_t>(row / 8 + k / 8 * 2);
  return Half(fragments[lane][word], k % 2);
}
float ElementOfB(const Fragments& fragments, int k, int column) {
  const size_t lane = static_cast<size_t>(column * 4 + k % 8 / 2), word = static_cast<size_t>(4 + k / 8);
  return Half(fragments[lane][word], k % 2);
}

}  // namespace

const Place& ThisPlace() { return this_block.place(); }

void Run(dim3 blocks, unsigned threads, const std::function<void()>& kernel) {
  for (unsigned z = 0; z < blocks.z; ++z) {
    for (unsigned y = 0; y < blocks.y; ++y) {
      for (unsigned x = 0; x < blocks.x; ++x) this_block.Run({x, y, z}, blocks, threads, kernel);
    }
  }
}

void WaitForBlock() { this_block.WaitForBlock(); }
void WaitForWarp() { this_block.WaitForWarp(); }

int CountOfBlock(bool says) { return this_block.CountOfBlock(says); }

uint64_t ValueOfLane(uint64_t value, int lane) {
  Warp& warp = this_block.warp();
  std::array<uint64_t, kWarp>& values = warp.values[warp.barrier.side()];
  values[ThisPlace().thread.x % kWarp] = value;
  this_block.WaitForWarp();
  return values[static_cast<size_t>(lane)];
}

void MultiplyTile(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Warp& warp = this_block.warp();
  Fragments& fragments = warp.fragments[warp.barrier.side()];
  const int lane = static_cast<int>(ThisPlace().thread.x % kWarp);
  fragments[static_cast<size_t>(lane)] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  this_block.WaitForWarp();
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    float sum = 0.0f;
    for (int k = 0; k < 16; ++k) sum += ElementOfA(fragments, row, k) * ElementOfB(fragments, k, column);
    d[i] += sum;
  }
}

}  // namespace pass::cuda::emulated
