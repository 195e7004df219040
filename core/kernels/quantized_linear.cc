// Linears on quantised weights, compiled once per instruction set; see quantized.h.
#include "core/kernels/quantized_lanes.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// How many registers hold sums of products. Each has one of floats beside it, which leaves no room for more; but where a group
// is many products of one sum, as of 16 bits, the floats may wait in memory meanwhile.
#if defined(__AVX512F__)
constexpr int kSums = 12, kWideSums = 24, kMostColumns = 2;
#else
constexpr int kSums = 8, kWideSums = 8, kMostColumns = 4;
#endif
constexpr int kMostRows = 12;

constexpr int SumsOf(QuantizedForm form) { return HasSixteenBits(form) ? kWideSums : kSums; }
constexpr int MostRowsOf(QuantizedForm form) { return std::min(SumsOf(form), kMostRows); }

PASS_INLINE IntRegister Repeat(const void* four_bytes) {
  int32_t value;
  std::memcpy(&value, four_bytes, sizeof(value));
  return value - IntRegister{};
}

#if defined(__AVX512VNNI__)
// The four inputs are repeated by the instruction itself: as one of their own, which GCC makes of the intrinsic, they would take
// a third of what a core can issue.
PASS_INLINE void MultiplyQuad(BitRegister codes, const int8_t* inputs, IntRegister& sums) {
  typedef int32_t FourBytes __attribute__((may_alias));
  __asm__("vpdpbusd %2%{1to16%}, %1, %0"
          : "+v"(sums)
          : "v"(codes), "m"(*reinterpret_cast<const FourBytes*>(inputs)));
}
#else
// Sums of two products of signed 16-bit numbers.
PASS_INLINE IntRegister MultiplyPairs(BitRegister a, IntRegister b) {
#if defined(__AVX512F__)
  return (IntRegister)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (IntRegister)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (IntRegister)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return ((IntRegister)a << 16 >> 16) * (b << 16 >> 16) + ((IntRegister)a >> 16) * (b >> 16);
#endif
}
#endif

// The sums plus products of pairs.
PASS_INLINE void AddPairs(BitRegister weights, IntRegister inputs, IntRegister& sums) {
#if defined(__AVX512VNNI__)  // GCC 12 copies sums around its intrinsic
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(inputs));
#else
  sums += MultiplyPairs(weights, inputs);
#endif
}

// Some sums of products with weights' codes: of kRows rows, kColumns registers of outputs.
template <int kRows, int kColumns>
struct Sums {
  IntRegister of[kRows][kColumns];

  template <QuantizedForm kForm>
  PASS_INLINE void Start(const InputOf<kForm>* x, int part) {
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) of[r][c] = StartOf<kForm>(x[r], part);
    }
  }

  // The codes of one quad of inputs.
  PASS_INLINE void Add(const BitRegister (&codes)[kColumns], const InputGroup* x, int quad) {
#if defined(__AVX512VNNI__)
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) MultiplyQuad(codes[c], x[r].codes + 4 * quad, of[r][c]);
    }
#else  // even inputs and odd ones as 16-bit numbers: products of bytes might not fit their sums of 16 bits
    BitRegister even[kColumns], odd[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      even[c] = codes[c] & 0x00ff00ffu;
      odd[c] = codes[c] >> 8 & 0x00ff00ffu;
    }
    for (int r = 0; r < kRows; ++r) {
      const IntRegister even_inputs = Repeat(x[r].pairs[quad][0]), odd_inputs = Repeat(x[r].pairs[quad][1]);
      for (int c = 0; c < kColumns; ++c) {
        AddPairs(even[c], even_inputs, of[r][c]);
        AddPairs(odd[c], odd_inputs, of[r][c]);
      }
    }
#endif
  }
};

template <int kColumns>
PASS_INLINE void LoadColumns(const std::byte* codes, BitRegister (&weights)[kColumns]) {
  for (int c = 0; c < kColumns; ++c)
    weights[c] = LoadBits(codes + c * static_cast<int64_t>(sizeof(BitRegister)));
}

template <int kRows, int kColumns>
PASS_INLINE void AddSixteenBits(const std::byte* codes, const WideInputGroup* x, Sums<kRows, kColumns>& sums,
                                Ahead& ahead) {
  for (int pair = 0; pair < kQuantizedGroup / 2; ++pair) {
    ahead.Ask<kColumns>();
    BitRegister weights[kColumns];
    LoadColumns(codes + pair * kQuadBytes, weights);
    for (int r = 0; r < kRows; ++r) {
      const IntRegister inputs = Repeat(x[r].codes + 2 * pair);
      for (int c = 0; c < kColumns; ++c) AddPairs(weights[c], inputs, sums.of[r][c]);
    }
  }
}

template <int kRows, int kColumns>
PASS_INLINE void AddEightBits(const std::byte* codes, const InputGroup* x, int begin, int end,
                              Sums<kRows, kColumns>& sums, Ahead& ahead) {
  for (int quad = begin; quad < end; ++quad) {
    ahead.Ask<kColumns>();
    BitRegister weights[kColumns];
    LoadColumns(codes + quad * kQuadBytes, weights);
    sums.Add(weights, x, quad);
  }
}

template <int kColumns>
PASS_INLINE void SplitColumns(const std::byte* codes, BitRegister (&low)[kColumns],
                              BitRegister (&high)[kColumns]) {
  for (int c = 0; c < kColumns; ++c) {
    SplitNibbles(codes + c * static_cast<int64_t>(sizeof(BitRegister)), &low[c], &high[c]);
  }
}

#if defined(__AVX2__) && !defined(__AVX512VNNI__)
// Products of two neighbours, summed in 16 bits: of all eight quads at most 8 * 2 * 15 * 127 = 30480, which fits.
PASS_INLINE IntRegister MultiplyBytes(BitRegister codes, IntRegister inputs) {
#if defined(__AVX512F__)
  return (IntRegister)_mm512_maddubs_epi16((__m512i)codes, (__m512i)inputs);
#else
  return (IntRegister)_mm256_maddubs_epi16((__m256i)codes, (__m256i)inputs);
#endif
}
PASS_INLINE IntRegister AddShorts(IntRegister a, IntRegister b) {
#if defined(__AVX512F__)
  return (IntRegister)_mm512_add_epi16((__m512i)a, (__m512i)b);
#else
  return (IntRegister)_mm256_add_epi16((__m256i)a, (__m256i)b);
#endif
}

template <int kRows, int kColumns>
PASS_INLINE void AddFourBits(const std::byte* codes, const InputGroup* x, Sums<kRows, kColumns>& sums,
                             Ahead& ahead) {
  IntRegister shorts[kRows][kColumns] = {};
  for (int quad = 0; quad < kQuads; quad += 2) {
    ahead.Ask<kColumns>();
    BitRegister low[kColumns], high[kColumns];
    SplitColumns(codes + quad / 2 * kQuadBytes, low, high);
    for (int r = 0; r < kRows; ++r) {
      const IntRegister first = Repeat(x[r].codes + 4 * quad), second = Repeat(x[r].codes + 4 * quad + 4);
      for (int c = 0; c < kColumns; ++c) {
        shorts[r][c] = AddShorts(shorts[r][c], MultiplyBytes(low[c], first));
        shorts[r][c] = AddShorts(shorts[r][c], MultiplyBytes(high[c], second));
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      sums.of[r][c] += MultiplyPairs((BitRegister)shorts[r][c], IntRegister{} + 0x00010001);
    }
  }
}
#else
template <int kRows, int kColumns>
PASS_INLINE void AddFourBits(const std::byte* codes, const InputGroup* x, Sums<kRows, kColumns>& sums,
                             Ahead& ahead) {
  for (int quad = 0; quad < kQuads; quad += 2) {
    ahead.Ask<kColumns>();
    BitRegister low[kColumns], high[kColumns];
    SplitColumns(codes + quad / 2 * kQuadBytes, low, high);
    sums.Add(low, x, quad);
    sums.Add(high, x, quad + 1);
  }
}
#endif

template <QuantizedForm kForm, int kRows, int kColumns>
PASS_INLINE void AddGroup(const std::byte* group, int column, const InputOf<kForm>* x,
                          Register (&y)[kRows][kColumns], Ahead& ahead) {
  constexpr int kPartQuads = kQuads / kParts<kForm>;
  const std::byte* scales = group + column * kRegisterWidth * 2;
  const std::byte* codes = group + kCodesAt<kForm> + column * kRegisterWidth * 4;
  for (int part = 0; part < kParts<kForm>; ++part) {
    Sums<kRows, kColumns> sums;
    sums.template Start<kForm>(x, part);
    if constexpr (HasSixteenBits(kForm)) {
      AddSixteenBits(codes, x, sums, ahead);
    } else if constexpr (HasFourBits(kForm)) {
      AddFourBits(codes, x, sums, ahead);
    } else {
      AddEightBits(codes, x, part * kPartQuads, (part + 1) * kPartQuads, sums, ahead);
    }
    AddProducts<kForm>(scales + part * kScaleBytes, x, sums.of, y);
  }
  if constexpr (HasMinimum(kForm)) AddMinima(scales + kScaleBytes, x, y);
}

template <QuantizedForm kForm, int kRows, int kColumns>
void MultiplyColumns(const BlockRows& tile, int column, float (*sums)[kLinearBlock]) {
  Register y[kRows][kColumns] = {};
  const std::byte* group = tile.block;
  Ahead ahead{tile.ahead, tile.step};
  const auto* x = reinterpret_cast<const InputOf<kForm>*>(tile.x);
  for (int64_t g = 0; g < tile.groups; ++g, x += tile.all_rows, group += QuantizedGroupBytes(kForm)) {
    AddGroup<kForm, kRows, kColumns>(group, column, x, y, ahead);
  }
  for (int r = 0; r < kRows; ++r) std::memcpy(sums[r] + column * kRegisterWidth, y[r], sizeof(y[r]));
}

constexpr int ColumnsFor(QuantizedForm form, int rows) {
  int columns = kMostColumns;
  while (columns > 1 && columns * rows > SumsOf(form)) columns /= 2;
  return columns;
}

// How often a tile goes over its block.
constexpr int64_t PassesFor(QuantizedForm form, int64_t rows) {
  return kBlockRegisters / ColumnsFor(form, static_cast<int>(rows));
}

void MultiplyTile(QuantizedForm form, int64_t rows, BlockRows tile, int64_t ahead_bytes,
                  float (*sums)[kLinearBlock]) {
  ForForm(form, [&]<QuantizedForm kForm>() {
    ForRows<MostRowsOf(kForm)>(rows, [&]<int kRows>() {
      constexpr int kColumns = ColumnsFor(kForm, kRows);
      for (int column = 0; column < kBlockRegisters; column += kColumns) {
        MultiplyColumns<kForm, kRows, kColumns>(tile, column, sums);
        tile.ahead += ahead_bytes;
      }
    });
  });
}

}  // namespace

// Memory must never wait for the products. One pass over a block asks for what lies a little ahead in the stream; of several the
// first finds the block in the cache, because those over the block before it have asked for it, each for its share.
template <typename T>
void MultiplyQuantized(const QuantizedData& data, T* y, int64_t begin, int64_t end) {
  const int64_t block_bytes = QuantizedBlockBytes(data.form, data.in), groups = QuantizedGroups(data.in);
  const int64_t most_rows = MostRowsOf(data.form), tiles = (data.rows + most_rows - 1) / most_rows;
  const int64_t row_bytes = HasSixteenBits(data.form) ? sizeof(WideInputGroup) : sizeof(InputGroup);
  int64_t passes = 0;
  for (int64_t t = 0; t < tiles; ++t)
    passes += PassesFor(data.form, data.rows / tiles + (t < data.rows % tiles ? 1 : 0));
  const int64_t group_bytes = QuantizedGroupBytes(data.form), steps = CodeBytes(data.form) / kQuadBytes;
  const int64_t step = (group_bytes + steps * passes - 1) / (steps * passes);
  const int64_t pass_bytes = groups * steps * step;
  for (int64_t block = begin; block < end; ++block) {
    const std::byte* packed = data.packed + block * block_bytes;
    const std::byte* ahead = packed + (passes == 1 ? kAhead : block_bytes);
    int64_t row = 0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t rows = data.rows / tiles + (t < data.rows % tiles ? 1 : 0);
      float sums[kMostRows][kLinearBlock];
      MultiplyTile(data.form, rows,
                   {.x = data.x + row * row_bytes,
                    .all_rows = data.rows,
                    .block = packed,
                    .groups = groups,
                    .ahead = ahead,
                    .step = step},
                   pass_bytes, sums);
      ahead += PassesFor(data.form, rows) * pass_bytes;
      StoreRows(sums, rows, data, row, block, y);
      row += rows;
    }
  }
}

template void MultiplyQuantized(const QuantizedData&, Bf16*, int64_t, int64_t);
template void MultiplyQuantized(const QuantizedData&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
