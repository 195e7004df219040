// Linears by vdpbf16ps; see linear.h.
#include "core/kernels/isa.h"
#include "core/kernels/linear.h"

#include <algorithm>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>

#include "core/kernels/store_columns.h"
#endif

namespace pass::kernels {

#if defined(__AVX512BF16__)
namespace {

constexpr int kRegisters = kLinearBlock / 16;  // of sums, for each row
constexpr int kTileRows = 24 / kRegisters;     // 24 of the 32 registers hold sums
constexpr int64_t kLine = 64;                  // bytes
constexpr int64_t kPairLines = 2 * kLinearBlock * static_cast<int64_t>(sizeof(Bf16)) / kLine;  // of weights
// Bytes ahead in the stream of weights, where one tile reads it alone. The processor runs ahead itself, less far with more
// rows; from so many rows on, their inputs need the first-level cache, and weights go to the second (measured).
constexpr int64_t kAhead = 4096, kFarAhead = 8192;
constexpr int64_t kManyRows = 7;

// Some rows of one block. Memory must never wait for the sums: with each pair of inputs the tile asks for some lines of what
// will be read later. Weights that few rows read once pass the second-level cache by, so that it keeps the step's other data.
template <typename Out>
struct Tile {
  const Bf16* x;
  const Bf16* packed;
  int64_t out, in;
  Out* y;
  int64_t columns;              // outputs that exist
  bool keep = false;            // what is asked for goes to the second-level cache
  const char* ahead = nullptr;  // what is asked for
  int lines = 0;                // per pair; 0 to kPairLines
};

template <int kRows, typename Out>
void MultiplyTile(const Tile<Out>& tile) {
  __m512 sums[kRows][kRegisters];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kRegisters; ++c) sums[r][c] = _mm512_setzero_ps();
  }
  const char* ahead = tile.ahead;
  for (int64_t pair = 0; pair < tile.in / 2; ++pair) {
    for (int line = 0; line < tile.lines; ++line, ahead += kLine) {
      if (tile.keep) {
        _mm_prefetch(ahead, _MM_HINT_T1);
      } else {
        _mm_prefetch(ahead, _MM_HINT_NTA);
      }
    }
    const Bf16* w = tile.packed + pair * 2 * kLinearBlock;
    __m512bh weights[kRegisters];
    for (int c = 0; c < kRegisters; ++c) weights[c] = (__m512bh)_mm512_loadu_si512(w + 32 * c);
    for (int r = 0; r < kRows; ++r) {
      int32_t inputs;
      std::memcpy(&inputs, tile.x + r * tile.in + 2 * pair, sizeof(inputs));
      const __m512bh both = (__m512bh)_mm512_set1_epi32(inputs);
      for (int c = 0; c < kRegisters; ++c) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], weights[c], both);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kRegisters; ++c) {
      StoreColumns(sums[r][c], tile.columns - 16 * c, tile.y + r * tile.out + 16 * c);
    }
  }
}

template <int kRows = kTileRows, typename Out>
void MultiplyRows(int64_t rows, const Tile<Out>& tile) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyRows<kRows - 1>(rows, tile);
  }
  MultiplyTile<kRows>(tile);
}

// One tile reads the stream of weights alone, and asks for it a little ahead. Of several the first reads a block and the
// others find it in the cache; meanwhile each asks for its share of the block behind. `first`: nobody asked for this one.
template <typename Out>
void MultiplyBlock(int64_t rows, bool first, Tile<Out> tile) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows, pairs = tile.in / 2;
  const char* stream = reinterpret_cast<const char*>(tile.packed);
  tile.keep |= rows >= kManyRows || WeightsGoThroughLevel2();
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t tile_rows = rows / tiles + (t < rows % tiles ? 1 : 0);
    if (tiles == 1 || (first && t == 0)) {
      tile.ahead = stream + (tile.keep ? kFarAhead : kAhead);
      tile.lines = kPairLines;
    } else {
      tile.ahead = stream + (kPairLines + t) * pairs * kLine;
      tile.lines = t < kPairLines ? 1 : 0;
    }
    MultiplyRows(tile_rows, tile);
    tile.x += tile_rows * tile.in;
    tile.y += tile_rows * tile.out;
  }
}

}  // namespace
#endif

template <typename Out>
void MultiplyByDots([[maybe_unused]] const LinearData<Bf16>& data, [[maybe_unused]] Out* y,
                    [[maybe_unused]] int64_t begin, [[maybe_unused]] int64_t end) {
#if defined(__AVX512BF16__)
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kLinearBlock;
    MultiplyBlock(data.rows, block == begin,
                  Tile<Out>{.x = data.x,
                            .packed = data.packed + first * data.in,
                            .out = data.out,
                            .in = data.in,
                            .y = y + first,
                            .columns = std::min(kLinearBlock, data.out - first),
                            .keep = data.reads == Reads::kAgain});
  }
#endif
}

template void MultiplyByDots(const LinearData<Bf16>&, Bf16*, int64_t, int64_t);
template void MultiplyByDots(const LinearData<Bf16>&, float*, int64_t, int64_t);

}  // namespace pass::kernels
