// Linears by tdpbf16ps, Intel's AMX; see linear.h. A tile has 16 rows of 64 bytes: 16 rows of 32 inputs, 16 pairs of inputs of
// 16 outputs, or 16 rows of 16 sums.
#include "core/kernels/linear.h"

#if defined(__AMX_BF16__)
#include <immintrin.h>

#include <algorithm>
#include <initializer_list>

#include "core/kernels/store_columns.h"
#endif

namespace pass::kernels {

#if defined(__AMX_BF16__)
namespace {

constexpr int64_t kTileRows = 16, kTileOutputs = 16, kTileInputs = kLinearTileInputs;
constexpr int64_t kPartRows = 2 * kTileRows;  // rows that go through a block's weights at once
constexpr int64_t kBytesOfPair = 2 * kLinearBlock * static_cast<int64_t>(sizeof(Bf16));
// A step multiplies one tile of inputs; so many bytes of a block's weights.
constexpr int64_t kStepBytes = kBytesOfPair * kTileInputs / 2;
// Rows that share a chunk of weights, and the steps of a chunk: weights and sums stay in the first-level cache meanwhile.
constexpr int64_t kBandRows = 4 * kPartRows, kChunkSteps = 9;
constexpr int64_t kLine = 64;     // bytes
constexpr int64_t kAhead = 8192;  // bytes of weights that are asked for ahead

// The numbers of the tiles. Sums: of the first and second 16 rows, for the left and right half of a block.
#define PASS_SUMS_LEFT 0
#define PASS_SUMS_RIGHT 1
#define PASS_MORE_SUMS_LEFT 2
#define PASS_MORE_SUMS_RIGHT 3
#define PASS_INPUTS 4
#define PASS_MORE_INPUTS 5
#define PASS_WEIGHTS_LEFT 6
#define PASS_WEIGHTS_RIGHT 7

// The shapes of the tiles, as ldtilecfg reads them (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2).
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  // At most 16 rows of at most 64 bytes.
  void Set(std::initializer_list<int> tiles, int64_t num_rows, int64_t bytes) {
    for (const int tile : tiles) {
      rows[tile] = static_cast<uint8_t>(num_rows);
      row_bytes[tile] = static_cast<uint16_t>(bytes);
    }
  }

  // For the calling thread, until _tile_release.
  void Load() const {
    __asm__ volatile("" : : "r"(this) : "memory");  // GCC's intrinsic names the first bytes alone as read
    _tile_loadconfig(this);
  }
};

void LoadShapes(int64_t few, int64_t more) {
  TileShapes shapes;
  shapes.Set({PASS_SUMS_LEFT, PASS_SUMS_RIGHT, PASS_INPUTS}, few, kLine);
  shapes.Set({PASS_MORE_SUMS_LEFT, PASS_MORE_SUMS_RIGHT, PASS_MORE_INPUTS}, std::max<int64_t>(more, 1),
             kLine);
  shapes.Set({PASS_WEIGHTS_LEFT, PASS_WEIGHTS_RIGHT}, kTileInputs / 2, kLine);
  shapes.Load();
}

// Some rows, 16 or fewer in tiles of their own and behind them `more`, or 0.
struct Part {
  int64_t row, few, more;
};

// Those from `next` on. All parts of a product have the same shapes, or are the first half of one: the last rows go with some
// that were there before.
Part PartFrom(int64_t next, int64_t rows) {
  const int64_t few = std::min(rows, kTileRows), all = std::min(rows, kPartRows);
  if (rows - next <= few) return {.row = rows - few, .few = few, .more = 0};
  return {.row = std::min(next, rows - all), .few = few, .more = all - few};
}

// What a part's sums have come to, by their tiles.
struct alignas(kLine) Sums {
  float of[4][kTileRows][kTileOutputs];
};

template <bool kBoth>
void ZeroSums() {
  _tile_zero(PASS_SUMS_LEFT);
  _tile_zero(PASS_SUMS_RIGHT);
  if constexpr (!kBoth) return;
  _tile_zero(PASS_MORE_SUMS_LEFT);
  _tile_zero(PASS_MORE_SUMS_RIGHT);
}

template <bool kBoth>
void ReadSums(const Sums& sums) {
  _tile_loadd(PASS_SUMS_LEFT, sums.of[PASS_SUMS_LEFT], kLine);
  _tile_loadd(PASS_SUMS_RIGHT, sums.of[PASS_SUMS_RIGHT], kLine);
  if constexpr (!kBoth) return;
  _tile_loadd(PASS_MORE_SUMS_LEFT, sums.of[PASS_MORE_SUMS_LEFT], kLine);
  _tile_loadd(PASS_MORE_SUMS_RIGHT, sums.of[PASS_MORE_SUMS_RIGHT], kLine);
}

template <bool kBoth>
void WriteSums(Sums& sums) {
  _tile_stored(PASS_SUMS_LEFT, sums.of[PASS_SUMS_LEFT], kLine);
  _tile_stored(PASS_SUMS_RIGHT, sums.of[PASS_SUMS_RIGHT], kLine);
  if constexpr (!kBoth) return;
  _tile_stored(PASS_MORE_SUMS_LEFT, sums.of[PASS_MORE_SUMS_LEFT], kLine);
  _tile_stored(PASS_MORE_SUMS_RIGHT, sums.of[PASS_MORE_SUMS_RIGHT], kLine);
}

// Some steps of a block. Each asks for `lines` lines from `ahead` on.
struct Chunk {
  const Bf16* weights;
  int64_t steps;
  const char* ahead;
  int64_t lines;
};

// `x`: the part's first input of the chunk; rows are `in` apart.
template <bool kBoth>
void AddChunk(const Chunk& chunk, const Bf16* x, int64_t in) {
  const int64_t x_stride = in * static_cast<int64_t>(sizeof(Bf16));
  const char* weights = reinterpret_cast<const char*>(chunk.weights);
  const char* ahead = chunk.ahead;
  for (int64_t step = 0; step < chunk.steps; ++step, weights += kStepBytes, x += kTileInputs) {
    for (int64_t line = 0; line < chunk.lines; ++line, ahead += kLine) _mm_prefetch(ahead, _MM_HINT_T1);
    _tile_loadd(PASS_WEIGHTS_LEFT, weights, kBytesOfPair);
    _tile_loadd(PASS_WEIGHTS_RIGHT, weights + kLine, kBytesOfPair);
    _tile_loadd(PASS_INPUTS, x, x_stride);
    _tile_dpbf16ps(PASS_SUMS_LEFT, PASS_INPUTS, PASS_WEIGHTS_LEFT);
    _tile_dpbf16ps(PASS_SUMS_RIGHT, PASS_INPUTS, PASS_WEIGHTS_RIGHT);
    if constexpr (kBoth) {
      _tile_loadd(PASS_MORE_INPUTS, x + kTileRows * in, x_stride);
      _tile_dpbf16ps(PASS_MORE_SUMS_LEFT, PASS_MORE_INPUTS, PASS_WEIGHTS_LEFT);
      _tile_dpbf16ps(PASS_MORE_SUMS_RIGHT, PASS_MORE_INPUTS, PASS_WEIGHTS_RIGHT);
    }
  }
}

template <bool kBoth>
void MultiplyChunk(const Chunk& chunk, const Bf16* x, int64_t in, bool first, Sums& sums) {
  first ? ZeroSums<kBoth>() : ReadSums<kBoth>(sums);
  AddChunk<kBoth>(chunk, x, in);
  WriteSums<kBoth>(sums);
}

// Sums of the left and the right half of a block to y.
template <typename Out>
void StoreRows(const float (*left)[kTileOutputs], const float (*right)[kTileOutputs], int64_t rows,
               int64_t columns, int64_t stride, Out* y) {
  for (int64_t r = 0; r < rows; ++r, y += stride) {
    StoreBlock(_mm512_load_ps(left[r]), _mm512_load_ps(right[r]), columns, y);
  }
}

// A block for the rows of a band, chunk by chunk; one part has no need of chunks. Memory must never wait for the sums: each
// part asks for its share of the next chunk.
template <typename Out>
void MultiplyBand(const LinearData<Bf16>& data, int64_t block, int64_t first, int64_t end, Out* y) {
  const Bf16* packed = data.packed + block * kLinearBlock * data.in;
  const int64_t parts = (end - first + kPartRows - 1) / kPartRows, steps = data.in / kTileInputs;
  const int64_t chunks = parts == 1 ? 1 : (steps + kChunkSteps - 1) / kChunkSteps;
  Sums sums[kBandRows / kPartRows];
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t begin = steps * c / chunks, count = steps * (c + 1) / chunks - begin;
    Chunk chunk{.weights = packed + begin * kTileInputs * kLinearBlock,
                .steps = count,
                .ahead = nullptr,
                .lines = (kStepBytes / kLine + parts - 1) / parts};
    chunk.ahead = reinterpret_cast<const char*>(chunk.weights) + (parts == 1 ? kAhead : count * kStepBytes);
    for (int64_t p = 0; p < parts; ++p, chunk.ahead += count * chunk.lines * kLine) {
      const Part part = PartFrom(first + p * kPartRows, data.rows);
      const Bf16* x = data.x + part.row * data.in + begin * kTileInputs;
      const auto multiply = part.more > 0 ? MultiplyChunk<true> : MultiplyChunk<false>;
      multiply(chunk, x, data.in, c == 0, sums[p]);
    }
  }
  const int64_t output = block * kLinearBlock, columns = std::min(kLinearBlock, data.out - output);
  for (int64_t p = 0; p < parts; ++p) {
    const Part part = PartFrom(first + p * kPartRows, data.rows);
    const auto& of = sums[p].of;
    Out* to = y + part.row * data.out + output;
    StoreRows(of[PASS_SUMS_LEFT], of[PASS_SUMS_RIGHT], part.few, columns, data.out, to);
    StoreRows(of[PASS_MORE_SUMS_LEFT], of[PASS_MORE_SUMS_RIGHT], part.more, columns, data.out,
              to + part.few * data.out);
  }
}

}  // namespace
#endif

template <typename Out>
void MultiplyByTiles([[maybe_unused]] const LinearData<Bf16>& data, [[maybe_unused]] Out* y,
                     [[maybe_unused]] int64_t begin, [[maybe_unused]] int64_t end) {
#if defined(__AMX_BF16__)
  const int64_t few = std::min(data.rows, kTileRows);
  LoadShapes(few, std::min(data.rows, kPartRows) - few);
  for (int64_t block = begin; block < end; ++block) {
    for (int64_t first = 0; first < data.rows; first += kBandRows)
      MultiplyBand(data, block, first, std::min(first + kBandRows, data.rows), y);
  }
  _tile_release();
#endif
}

template void MultiplyByTiles(const LinearData<Bf16>&, Bf16*, int64_t, int64_t);
template void MultiplyByTiles(const LinearData<Bf16>&, float*, int64_t, int64_t);

}  // namespace pass::kernels
