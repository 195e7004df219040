// Linears on quantised weights, compiled once per instruction set; see quantized.h.
#include <algorithm>
#include <cstring>

#include "core/kernels/lanes.h"
#include "core/kernels/quantized_kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// Registers of outputs, and how many hold sums of products: each has one of floats beside it.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kSums = 12, kMostColumns = 2;
#elif defined(__AVX2__)
constexpr int kWidth = 8, kSums = 8, kMostColumns = 4;
#else
constexpr int kWidth = 4, kSums = 8, kMostColumns = 4;
#endif
typedef float Floats __attribute__((vector_size(kWidth * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kWidth * sizeof(int32_t))));
typedef uint32_t Bits __attribute__((vector_size(kWidth * sizeof(uint32_t))));

constexpr int kBlockRegisters = kLinearBlock / kWidth;
constexpr int kMostRows = kSums;
constexpr int kQuads = kQuantizedGroup / 4;       // of a group: four inputs that a lane takes at once
constexpr int64_t kQuadBytes = 4 * kLinearBlock;  // codes of 8 bits of four inputs, of 4 bits of eight
constexpr int64_t kScaleBytes = 2 * kLinearBlock;
constexpr int64_t kLine = 64, kAhead = 8192;  // bytes
constexpr int kLevel2 = 2;                    // where to, as __builtin_prefetch counts

#define PASS_INLINE inline __attribute__((always_inline))

PASS_INLINE Bits LoadBits(const std::byte* from) {
  Bits bits;
  std::memcpy(&bits, from, sizeof(bits));
  return bits;
}
PASS_INLINE Ints Repeat(const void* four_bytes) {
  int32_t value;
  std::memcpy(&value, four_bytes, sizeof(value));
  return value - Ints{};
}

// kWidth numbers of binary16.
PASS_INLINE Floats LoadHalves(const std::byte* from) {
#if defined(__AVX512F__)
  return (Floats)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__F16C__)
  return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else  // HalfToFloat of core/base/half.h; a scale is finite
  typedef uint16_t Halves __attribute__((vector_size(kWidth * sizeof(uint16_t))));
  Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  const Bits bits = __builtin_convertvector(halves, Bits);
  const Floats magnitude = (Floats)((bits & 0x7fffu) << 13) * 0x1p112f;
  return (Floats)((Bits)magnitude | (bits & 0x8000u) << 16);
#endif
}

// a * b + c, rounded once where the CPU can.
PASS_INLINE Floats MultiplyAdd(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

#if !defined(__AVX512VNNI__)
// Sums of two products of 16-bit numbers.
PASS_INLINE Ints MultiplyPairs(Bits a, Ints b) {
#if defined(__AVX512F__)
  return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Ints)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return (Ints)(a & 0xffffu) * (b << 16 >> 16) + (Ints)(a >> 16) * (b >> 16);  // a: codes, below 2^15
#endif
}
#endif

// Some sums of products with weights' codes: of kRows rows, kColumns registers of outputs.
template <int kRows, int kColumns>
struct Sums {
  Ints of[kRows][kColumns];

  PASS_INLINE void Start(const InputGroup* x, const int32_t InputGroup::*start) {
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) of[r][c] = start == nullptr ? Ints{} : Repeat(&(x[r].*start));
    }
  }

  // The codes of one quad of inputs.
  PASS_INLINE void Add(const Bits (&codes)[kColumns], const InputGroup* x, int quad) {
#if defined(__AVX512VNNI__)
    for (int r = 0; r < kRows; ++r) {
      const Ints inputs = Repeat(x[r].codes + 4 * quad);
      for (int c = 0; c < kColumns; ++c) {
        of[r][c] = (Ints)_mm512_dpbusd_epi32((__m512i)of[r][c], (__m512i)codes[c], (__m512i)inputs);
      }
    }
#else  // even inputs and odd ones as 16-bit numbers: products of bytes might not fit their sums of 16 bits
    Bits even[kColumns], odd[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      even[c] = codes[c] & 0x00ff00ffu;
      odd[c] = codes[c] >> 8 & 0x00ff00ffu;
    }
    for (int r = 0; r < kRows; ++r) {
      const Ints even_inputs = Repeat(x[r].pairs[quad][0]), odd_inputs = Repeat(x[r].pairs[quad][1]);
      for (int c = 0; c < kColumns; ++c) {
        of[r][c] += MultiplyPairs(even[c], even_inputs);
        of[r][c] += MultiplyPairs(odd[c], odd_inputs);
      }
    }
#endif
  }
};

template <int kRows, int kColumns>
PASS_INLINE void AddEightBits(const std::byte* codes, const InputGroup* x, int begin, int end,
                              Sums<kRows, kColumns>& sums) {
  for (int quad = begin; quad < end; ++quad) {
    Bits weights[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      weights[c] = LoadBits(codes + quad * kQuadBytes + c * static_cast<int64_t>(sizeof(Bits)));
    }
    sums.Add(weights, x, quad);
  }
}

// Two quads of inputs from eight nibbles of an output.
template <int kColumns>
PASS_INLINE void SplitNibbles(const std::byte* codes, Bits (&low)[kColumns], Bits (&high)[kColumns]) {
  for (int c = 0; c < kColumns; ++c) {
    const Bits packed = LoadBits(codes + c * static_cast<int64_t>(sizeof(Bits)));
    low[c] = packed & 0x0f0f0f0fu;
    high[c] = packed >> 4 & 0x0f0f0f0fu;
  }
}

#if defined(__AVX2__) && !defined(__AVX512VNNI__)
// Products of two neighbours, summed in 16 bits: of all eight quads at most 8 * 2 * 15 * 127 = 30480, which fits.
PASS_INLINE Ints MultiplyBytes(Bits codes, Ints inputs) {
#if defined(__AVX512F__)
  return (Ints)_mm512_maddubs_epi16((__m512i)codes, (__m512i)inputs);
#else
  return (Ints)_mm256_maddubs_epi16((__m256i)codes, (__m256i)inputs);
#endif
}
PASS_INLINE Ints AddShorts(Ints a, Ints b) {
#if defined(__AVX512F__)
  return (Ints)_mm512_add_epi16((__m512i)a, (__m512i)b);
#else
  return (Ints)_mm256_add_epi16((__m256i)a, (__m256i)b);
#endif
}

template <int kRows, int kColumns>
PASS_INLINE void AddFourBits(const std::byte* codes, const InputGroup* x, Sums<kRows, kColumns>& sums) {
  Ints shorts[kRows][kColumns] = {};
  for (int quad = 0; quad < kQuads; quad += 2) {
    Bits low[kColumns], high[kColumns];
    SplitNibbles(codes + quad / 2 * kQuadBytes, low, high);
    for (int r = 0; r < kRows; ++r) {
      const Ints first = Repeat(x[r].codes + 4 * quad), second = Repeat(x[r].codes + 4 * quad + 4);
      for (int c = 0; c < kColumns; ++c) {
        shorts[r][c] = AddShorts(shorts[r][c], MultiplyBytes(low[c], first));
        shorts[r][c] = AddShorts(shorts[r][c], MultiplyBytes(high[c], second));
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      sums.of[r][c] += MultiplyPairs((Bits)shorts[r][c], Ints{} + 0x00010001);
    }
  }
}
#else
template <int kRows, int kColumns>
PASS_INLINE void AddFourBits(const std::byte* codes, const InputGroup* x, Sums<kRows, kColumns>& sums) {
  for (int quad = 0; quad < kQuads; quad += 2) {
    Bits low[kColumns], high[kColumns];
    SplitNibbles(codes + quad / 2 * kQuadBytes, low, high);
    sums.Add(low, x, quad);
    sums.Add(high, x, quad + 1);
  }
}
#endif

// Rows of one block.
struct Tile {
  const InputGroup* x;  // of the first row
  int64_t all_rows;     // of the forward: groups are so far apart
  const std::byte* block;
  int64_t groups;
  const std::byte* ahead;  // weights that are asked for: so many lines with each group
  int64_t lines;
  float (*y)[kLinearBlock];  // [rows]
};

// What a group's products with one scale add to y.
template <int kRows, int kColumns>
PASS_INLINE void Scale(const std::byte* scales, const InputGroup* x, const Sums<kRows, kColumns>& sums,
                       Floats (&y)[kRows][kColumns]) {
  for (int c = 0; c < kColumns; ++c) {
    const Floats scale = LoadHalves(scales + c * kWidth * 2);
    for (int r = 0; r < kRows; ++r) {
      y[r][c] = MultiplyAdd(__builtin_convertvector(sums.of[r][c], Floats), scale * x[r].scale, y[r][c]);
    }
  }
}

template <QuantizedForm kForm, int kRows, int kColumns>
PASS_INLINE void AddGroup(const std::byte* group, int column, const InputGroup* x,
                          Floats (&y)[kRows][kColumns]) {
  const std::byte* scales = group + column * kWidth * 2;
  const std::byte* codes = group + QuantizedGroupBytes(kForm) -
                           (HasFourBits(kForm) ? kQuads / 2 : kQuads) * kQuadBytes + column * kWidth * 4;
  Sums<kRows, kColumns> sums;
  if constexpr (kForm == QuantizedForm::k8Halves) {
    for (int half = 0; half < 2; ++half) {
      for (int r = 0; r < kRows; ++r) {
        for (int c = 0; c < kColumns; ++c) sums.of[r][c] = Repeat(&x[r].start8_halves[half]);
      }
      AddEightBits(codes, x, half * kQuads / 2, (half + 1) * kQuads / 2, sums);
      Scale(scales + half * kScaleBytes, x, sums, y);
    }
  } else {
    if constexpr (HasMinimum(kForm)) {
      sums.Start(x, nullptr);
    } else {
      sums.Start(x, HasFourBits(kForm) ? &InputGroup::start4 : &InputGroup::start8);
    }
    if constexpr (HasFourBits(kForm)) {
      AddFourBits(codes, x, sums);
    } else {
      AddEightBits(codes, x, 0, kQuads, sums);
    }
    Scale(scales, x, sums, y);
  }
  if constexpr (HasMinimum(kForm)) {
    for (int c = 0; c < kColumns; ++c) {
      const Floats minimum = LoadHalves(scales + kScaleBytes + c * kWidth * 2);
      for (int r = 0; r < kRows; ++r) y[r][c] = MultiplyAdd(minimum, x[r].scaled_sum - Floats{}, y[r][c]);
    }
  }
}

template <QuantizedForm kForm, int kRows, int kColumns>
void MultiplyColumns(const Tile& tile, int column) {
  Floats y[kRows][kColumns] = {};
  const std::byte *group = tile.block, *ahead = tile.ahead;
  const InputGroup* x = tile.x;
  for (int64_t g = 0; g < tile.groups; ++g, x += tile.all_rows, group += QuantizedGroupBytes(kForm)) {
    for (int64_t line = 0; line < tile.lines; ++line, ahead += kLine) __builtin_prefetch(ahead, 0, kLevel2);
    AddGroup<kForm, kRows, kColumns>(group, column, x, y);
  }
  for (int r = 0; r < kRows; ++r) std::memcpy(tile.y[r] + column * kWidth, y[r], sizeof(y[r]));
}

constexpr int ColumnsFor(int rows) {
  int columns = kMostColumns;
  while (columns > 1 && columns * rows > kSums) columns /= 2;
  return columns;
}

// How often a tile goes over its block.
constexpr int64_t PassesFor(int64_t rows) { return kBlockRegisters / ColumnsFor(static_cast<int>(rows)); }

template <QuantizedForm kForm, int kRows = kMostRows>
void MultiplyRows(int64_t rows, Tile tile, int64_t ahead_bytes) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyRows<kForm, kRows - 1>(rows, tile, ahead_bytes);
  }
  constexpr int kColumns = ColumnsFor(kRows);
  for (int column = 0; column < kBlockRegisters; column += kColumns) {
    MultiplyColumns<kForm, kRows, kColumns>(tile, column);
    tile.ahead += ahead_bytes;
  }
}

void MultiplyTile(QuantizedForm form, int64_t rows, const Tile& tile, int64_t ahead_bytes) {
  switch (form) {
    case QuantizedForm::k8:
      return MultiplyRows<QuantizedForm::k8>(rows, tile, ahead_bytes);
    case QuantizedForm::k8Halves:
      return MultiplyRows<QuantizedForm::k8Halves>(rows, tile, ahead_bytes);
    case QuantizedForm::k8Minimum:
      return MultiplyRows<QuantizedForm::k8Minimum>(rows, tile, ahead_bytes);
    case QuantizedForm::k4:
      return MultiplyRows<QuantizedForm::k4>(rows, tile, ahead_bytes);
    case QuantizedForm::k4Minimum:
      return MultiplyRows<QuantizedForm::k4Minimum>(rows, tile, ahead_bytes);
  }
}

}  // namespace

// Memory must never wait for the products. One pass over a block asks for what lies a little ahead in the stream; of several the
// first finds the block in the cache, because those over the block before it have asked for it, each for its share.
template <typename T>
void MultiplyQuantized(const QuantizedData& data, T* y, int64_t begin, int64_t end) {
  const int64_t block_bytes = QuantizedBlockBytes(data.form, data.in), groups = QuantizedGroups(data.in);
  const int64_t tiles = (data.rows + kMostRows - 1) / kMostRows;
  int64_t passes = 0;
  for (int64_t t = 0; t < tiles; ++t)
    passes += PassesFor(data.rows / tiles + (t < data.rows % tiles ? 1 : 0));
  const int64_t group_lines = QuantizedGroupBytes(data.form) / kLine;
  const int64_t lines = (group_lines + passes - 1) / passes;
  for (int64_t block = begin; block < end; ++block) {
    const std::byte* packed = data.packed + block * block_bytes;
    const int64_t first = block * kLinearBlock, columns = std::min(kLinearBlock, data.out - first);
    const std::byte* ahead = packed + (passes == 1 ? kAhead : block_bytes);
    int64_t row = 0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t rows = data.rows / tiles + (t < data.rows % tiles ? 1 : 0);
      float sums[kMostRows][kLinearBlock];
      MultiplyTile(data.form, rows,
                   {.x = reinterpret_cast<const InputGroup*>(data.x) + row,
                    .all_rows = data.rows,
                    .block = packed,
                    .groups = groups,
                    .ahead = ahead,
                    .lines = lines,
                    .y = sums},
                   lines * groups * kLine);
      ahead += PassesFor(rows) * lines * groups * kLine;
      for (int64_t r = 0; r < rows; ++r, ++row) {
        for (int64_t c = 0; c < columns; c += kLanes) {
          StoreNarrow(Load(sums[r] + c), y + row * data.stride + first + c, columns - c);
        }
      }
    }
  }
}

template void MultiplyQuantized(const QuantizedData&, Bf16*, int64_t, int64_t);
template void MultiplyQuantized(const QuantizedData&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
