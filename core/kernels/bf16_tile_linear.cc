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
constexpr int64_t kMostRows = 2 * kTileRows;  // that read a block's weights at once
constexpr int64_t kBytesOfPair = 2 * kLinearBlock * static_cast<int64_t>(sizeof(Bf16));
constexpr int64_t kStepBytes =
    kBytesOfPair * kTileInputs / 2;  // of a block's weights, for one tile of inputs
constexpr int64_t kLine = 64;        // bytes
constexpr int64_t kAhead = 8192;     // bytes of weights that are asked for ahead

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

// Rows of one block: `x` and `y` are those of the first row, `y` at the block's first output.
template <typename Out>
struct Part {
  const Bf16* x;
  const Bf16* packed;
  int64_t in, out;
  Out* y;
  int64_t columns;  // outputs that exist
};

template <typename Out>
void StoreRows(const float (&sums)[kTileRows][kTileOutputs], int64_t rows, const Part<Out>& part,
               int64_t first_row, int64_t column) {
  for (int64_t r = 0; r < rows; ++r) {
    StoreColumns(_mm512_load_ps(sums[r]), part.columns - column,
                 part.y + (first_row + r) * part.out + column);
  }
}

// `few` rows, and behind them `more`, 0 without kBoth.
template <bool kBoth, typename Out>
void MultiplyPart(const Part<Out>& part, int64_t few, int64_t more) {
  _tile_zero(PASS_SUMS_LEFT);
  _tile_zero(PASS_SUMS_RIGHT);
  if constexpr (kBoth) {
    _tile_zero(PASS_MORE_SUMS_LEFT);
    _tile_zero(PASS_MORE_SUMS_RIGHT);
  }
  const int64_t x_stride = part.in * static_cast<int64_t>(sizeof(Bf16));
  for (int64_t input = 0; input < part.in; input += kTileInputs) {
    const char* weights = reinterpret_cast<const char*>(part.packed + input * kLinearBlock);
    for (int64_t line = 0; line < kStepBytes; line += kLine)
      _mm_prefetch(weights + kAhead + line, _MM_HINT_T1);
    _tile_loadd(PASS_WEIGHTS_LEFT, weights, kBytesOfPair);
    _tile_loadd(PASS_WEIGHTS_RIGHT, weights + kLine, kBytesOfPair);
    _tile_loadd(PASS_INPUTS, part.x + input, x_stride);
    _tile_dpbf16ps(PASS_SUMS_LEFT, PASS_INPUTS, PASS_WEIGHTS_LEFT);
    _tile_dpbf16ps(PASS_SUMS_RIGHT, PASS_INPUTS, PASS_WEIGHTS_RIGHT);
    if constexpr (kBoth) {
      _tile_loadd(PASS_MORE_INPUTS, part.x + kTileRows * part.in + input, x_stride);
      _tile_dpbf16ps(PASS_MORE_SUMS_LEFT, PASS_MORE_INPUTS, PASS_WEIGHTS_LEFT);
      _tile_dpbf16ps(PASS_MORE_SUMS_RIGHT, PASS_MORE_INPUTS, PASS_WEIGHTS_RIGHT);
    }
  }
  alignas(64) float sums[kTileRows][kTileOutputs];
  _tile_stored(PASS_SUMS_LEFT, sums, kLine);
  StoreRows(sums, few, part, 0, 0);
  _tile_stored(PASS_SUMS_RIGHT, sums, kLine);
  StoreRows(sums, few, part, 0, kTileOutputs);
  if constexpr (kBoth) {
    _tile_stored(PASS_MORE_SUMS_LEFT, sums, kLine);
    StoreRows(sums, more, part, kTileRows, 0);
    _tile_stored(PASS_MORE_SUMS_RIGHT, sums, kLine);
    StoreRows(sums, more, part, kTileRows, kTileOutputs);
  }
}

}  // namespace
#endif

template <typename Out>
void MultiplyByTiles([[maybe_unused]] const LinearData<Bf16>& data, [[maybe_unused]] Out* y,
                     [[maybe_unused]] int64_t begin, [[maybe_unused]] int64_t end) {
#if defined(__AMX_BF16__)
  const int64_t at_once = std::min(data.rows, kMostRows);
  const int64_t few = std::min(at_once, kTileRows), more = at_once - few;
  LoadShapes(few, more);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t column = block * kLinearBlock;
    // The last rows go with some that were there before, so that all parts have the same shapes.
    for (int64_t next = 0; next < data.rows; next += at_once) {
      const int64_t row = std::min(next, data.rows - at_once);
      const Part<Out> part{.x = data.x + row * data.in,
                           .packed = data.packed + column * data.in,
                           .in = data.in,
                           .out = data.out,
                           .y = y + row * data.out + column,
                           .columns = std::min(kLinearBlock, data.out - column)};
      more > 0 ? MultiplyPart<true>(part, few, more) : MultiplyPart<false>(part, few, more);
    }
  }
  _tile_release();
#endif
}

template void MultiplyByTiles(const LinearData<Bf16>&, Bf16*, int64_t, int64_t);
template void MultiplyByTiles(const LinearData<Bf16>&, float*, int64_t, int64_t);

}  // namespace pass::kernels
