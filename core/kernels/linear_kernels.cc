// Linears by multiply-add, compiled once per instruction set; see linear.h.
#include "core/kernels/linear_kernels.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/kernels/lanes.h"
#include "core/kernels/registers.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int kBlockRegisters = kLinearBlock / kRegisterWidth;
constexpr int kLeastRegisters = 2;  // of a tile's width
constexpr int kMostRows = kSumRegisters / kLeastRegisters;
// Rows that go through a block together, and bytes of weights that they all read before the next ones: these stay in the
// first-level cache meanwhile, beside the inputs of one tile.
constexpr int64_t kBandRows = 4 * kMostRows, kChunkBytes = 16384;
constexpr int64_t kAhead = 8192;  // bytes of weights that are asked for ahead of their use
constexpr int64_t kLine = 64;     // bytes
constexpr int kLevel2 = 2;        // where to, as __builtin_prefetch counts

// A link of the chain of each output: a pair of inputs of bf16, one of fp32. Its weights for a block fill two lines.
template <typename T>
constexpr int64_t kLinkInputs = 4 / static_cast<int64_t>(sizeof(T));
constexpr int64_t kLinkBytes = kLinearBlock * 4;

// Registers of a block's width that a tile of so many rows takes at once: all for few rows, a part for more.
constexpr int RegistersOf(int64_t rows) {
  const auto fitting = static_cast<int>(kSumRegisters / rows);
  if (fitting >= kBlockRegisters) return kBlockRegisters;
  return fitting >= kBlockRegisters / 2 ? std::max(kLeastRegisters, kBlockRegisters / 2) : kLeastRegisters;
}
// So often a tile of so many rows reads the weights.
constexpr int64_t PassesOf(int64_t rows) { return kBlockRegisters / RegistersOf(rows); }

// Some rows of one block, and some links of their chains.
template <typename T>
struct Tile {
  const float* x;    // the first input of the first row
  int64_t stride;    // of x
  const T* weights;  // of the first link
  int64_t links;
  float* sums;        // [rows, kLinearBlock]: what the chains have come to, before and after
  int64_t columns;    // outputs of the block that exist
  const char* ahead;  // what a pass asks for,
  int64_t step;       // so much further with each link,
  int64_t share;      // and the next pass so much further
};

// Weights times one input of each row, added to all sums of the tile.
template <int kRows, int kRegisters>
inline void AddInput(const Register (&weights)[kRegisters], const float* x, int64_t stride,
                     Register (&sums)[kRows][kRegisters]) {
  for (int r = 0; r < kRows; ++r) {
    const float input = x[r * stride];
    for (int v = 0; v < kRegisters; ++v) sums[r][v] += weights[v] * input;
  }
}

template <int kRows, int kRegisters>
inline void AddLink(const float* from, const float* x, int64_t stride, Register (&sums)[kRows][kRegisters]) {
  Register weights[kRegisters];
  for (int v = 0; v < kRegisters; ++v) weights[v] = LoadRegister(from + v * kRegisterWidth);
  AddInput(weights, x, stride, sums);
}

// A pair of bf16 is one 32-bit element: the first input's weight in its low half.
template <int kRows, int kRegisters>
inline void AddLink(const Bf16* from, const float* x, int64_t stride, Register (&sums)[kRows][kRegisters]) {
  Register weights[kRegisters];
  for (int v = 0; v < kRegisters; ++v)
    weights[v] = (Register)((BitRegister)LoadRegister(from + 2 * v * kRegisterWidth) << 16);
  AddInput(weights, x, stride, sums);
  for (int v = 0; v < kRegisters; ++v)
    weights[v] = (Register)((BitRegister)LoadRegister(from + 2 * v * kRegisterWidth) & 0xffff0000u);
  AddInput(weights, x + 1, stride, sums);
}

template <int kRows, int kRegisters, typename T>
void MultiplyPass(const Tile<T>& tile, int64_t column) {
  Register sums[kRows][kRegisters];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kRegisters; ++v)
      sums[r][v] = LoadRegister(tile.sums + r * kLinearBlock + column + v * kRegisterWidth);
  }
  const T* weights = tile.weights + column * kLinkInputs<T>;
  const float* x = tile.x;
  const char* ahead = tile.ahead;
  for (int64_t link = 0; link < tile.links; ++link) {
    __builtin_prefetch(ahead, 0, kLevel2);
    if constexpr (kRegisters == kBlockRegisters) __builtin_prefetch(ahead + kLine, 0, kLevel2);
    AddLink(weights, x, tile.stride, sums);
    weights += kLinkBytes / static_cast<int64_t>(sizeof(T));
    x += kLinkInputs<T>;
    ahead += tile.step;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kRegisters; ++v)
      StoreRegister(sums[r][v], tile.sums + r * kLinearBlock + column + v * kRegisterWidth);
  }
}

template <int kRows = kMostRows, typename T>
void MultiplyTile(int64_t rows, Tile<T> tile) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyTile<kRows - 1>(rows, tile);
  }
  constexpr int kRegisters = RegistersOf(kRows);
  for (int64_t column = 0; column < tile.columns; column += kRegisters * kRegisterWidth) {
    MultiplyPass<kRows, kRegisters>(tile, column);
    tile.ahead += tile.share;
  }
}

// Rows of one call as fp32.
struct WideRows {
  const float* x;
  int64_t stride;
  int64_t count;
};

// Rows in tiles as equal as can be: f(first row, rows) for each.
template <typename F>
inline void ForTiles(int64_t rows, F f) {
  const int64_t tiles = (rows + kMostRows - 1) / kMostRows;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t count = rows / tiles + (t < rows % tiles ? 1 : 0);
    f(row, count);
    row += count;
  }
}

// One block for the rows of a band, chunk by chunk; one tile that reads a block once has no need of chunks. Memory must
// never wait for the sums: each pass over a chunk asks for its share of the next one.
template <typename T>
void MultiplyBand(const WideRows& rows, const T* block, int64_t in, int64_t columns, float* sums) {
  int64_t passes = 0;
  ForTiles(rows.count, [&](int64_t, int64_t count) { passes += PassesOf(count); });
  const int64_t links = (in + kLinkInputs<T> - 1) / kLinkInputs<T>;
  const int64_t chunks = passes == 1 ? 1 : (links * kLinkBytes + kChunkBytes - 1) / kChunkBytes;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t first = links * chunk / chunks, count = links * (chunk + 1) / chunks - first;
    const T* weights = block + first * kLinkBytes / static_cast<int64_t>(sizeof(T));
    const int64_t bytes = count * kLinkBytes;
    Tile<T> tile{.x = nullptr,
                 .stride = rows.stride,
                 .weights = weights,
                 .links = count,
                 .sums = nullptr,
                 .columns = columns,
                 .ahead = reinterpret_cast<const char*>(weights) + (passes == 1 ? kAhead : bytes),
                 .step = (kLinkBytes + passes - 1) / passes,
                 .share = bytes / passes};
    ForTiles(rows.count, [&](int64_t row, int64_t tile_rows) {
      tile.x = rows.x + row * rows.stride + first * kLinkInputs<T>;
      tile.sums = sums + row * kLinearBlock;
      MultiplyTile(tile_rows, tile);
      tile.ahead += PassesOf(tile_rows) * tile.share;
    });
  }
}

// The rows of bf16 that nobody has widened yet are widened into a buffer of the thread.
WideRows Widened(const LinearData<float>& data) { return {data.x, data.in, data.rows}; }
WideRows Widened(const LinearData<Bf16>& data) {
  if (data.wide != nullptr && data.in % 2 == 0) return {data.wide, data.in, data.rows};
  thread_local std::vector<float> wide;
  const int64_t stride = data.in + data.in % 2;
  wide.resize(static_cast<size_t>(data.rows * stride));
  for (int64_t r = 0; r < data.rows; ++r) {
    float* to = wide.data() + r * stride;
    for (int64_t i = 0; i < data.in; ++i) to[i] = Widen(data.x[r * data.in + i]);
    if (stride > data.in) to[data.in] = 0;  // beside the last weight, which stands beside a zero too
  }
  return {wide.data(), stride, data.rows};
}

template <typename T, typename Out>
void MultiplyByMultiplyAdd(const LinearData<T>& data, Out* y, int64_t begin, int64_t end) {
  const WideRows all = Widened(data);
  alignas(kLine) float sums[kBandRows * kLinearBlock];
  for (int64_t block = begin; block < end; ++block) {
    const T* packed = data.packed + block * PackedBlock<T>(data.in);
    const int64_t output = block * kLinearBlock, columns = std::min(kLinearBlock, data.out - output);
    for (int64_t first = 0; first < all.count; first += kBandRows) {
      const WideRows band{all.x + first * all.stride, all.stride, std::min(kBandRows, all.count - first)};
      std::fill_n(sums, band.count * kLinearBlock, 0.0f);
      MultiplyBand(band, packed, data.in, columns, sums);
      for (int64_t r = 0; r < band.count; ++r) {
        Out* to = y + (first + r) * data.out + output;
        for (int64_t c = 0; c < columns; c += kLanes)
          StoreNarrow(Load(sums + r * kLinearBlock + c), to + c, columns - c);
      }
    }
  }
}

}  // namespace

template <typename T, typename Out>
void Multiply(const LinearData<T>& data, Out* y, int64_t begin, int64_t end) {
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<T, Bf16>) {
    if (data.in % kLinearTileInputs == 0) return MultiplyByTiles(data, y, begin, end);
  }
#endif
#if defined(__AVX512BF16__)
  if constexpr (std::is_same_v<T, Bf16>) {
    if (data.in % 2 == 0) return MultiplyByDots(data, y, begin, end);
  }
#endif
  MultiplyByMultiplyAdd(data, y, begin, end);
}

template void Multiply(const LinearData<Bf16>&, Bf16*, int64_t, int64_t);
template void Multiply(const LinearData<Bf16>&, float*, int64_t, int64_t);
template void Multiply(const LinearData<float>&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
