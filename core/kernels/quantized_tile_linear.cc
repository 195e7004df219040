// Linears on quantised weights by tdpbsud, Intel's AMX. A tile has the inputs of up to 16 rows, or the codes of 16 outputs as they
// are packed, or 16 x 16 sums. These are whole numbers; what they add to y is what the kernel of few rows adds, in the same
// order (quantized_lanes.h), so that both give a row the same bits.
#include "core/kernels/quantized_lanes.h"
#include "core/kernels/tile_shapes.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int kFewRows = 8;  // whose y registers hold for both halves of a block

// The numbers of the tiles.
#define PASS_SUMS_LEFT 0
#define PASS_SUMS_RIGHT 1
#define PASS_INPUTS 2
#define PASS_CODES_LEFT 3
#define PASS_CODES_RIGHT 4

// Of a group, for one or both halves of a block.
template <QuantizedForm kForm, int kColumns>
struct alignas(64) Products {
  int32_t sums[kParts<kForm>][kColumns][kTileRows][kRegisterWidth];
  std::byte codes[HasFourBits(kForm) ? kQuads : 1][kColumns * kLine];  // of four bits, each in a byte
};

template <QuantizedForm kForm, int kColumns>
PASS_INLINE void Unpack(const std::byte* nibbles, Products<kForm, kColumns>* products) {
  for (int quad = 0; quad < kQuads; quad += 2, nibbles += kQuadBytes) {
    for (int c = 0; c < kColumns; ++c) {
      BitRegister low, high;
      SplitNibbles(nibbles + c * kLine, &low, &high);
      std::memcpy(products->codes[quad] + c * kLine, &low, sizeof(low));
      std::memcpy(products->codes[quad + 1] + c * kLine, &high, sizeof(high));
    }
  }
}

template <QuantizedForm kForm, int kColumns>
PASS_INLINE void MultiplyGroup(const std::byte* codes, const InputGroup* x,
                               Products<kForm, kColumns>* products) {
  constexpr int64_t kInputs = ScaleGroup(kForm);
  constexpr int64_t kStride = HasFourBits(kForm) ? kColumns * kLine : kQuadBytes;
  if constexpr (HasFourBits(kForm)) {
    codes = products->codes[0];
    FenceTiles(products->codes);
  }
  for (int p = 0; p < kParts<kForm>; ++p, codes += kInputs / 4 * kStride) {
    _tile_loadd(PASS_INPUTS, x->codes + p * kInputs, sizeof(InputGroup));
    _tile_loadd(PASS_CODES_LEFT, codes, kStride);
    _tile_zero(PASS_SUMS_LEFT);
    _tile_dpbsud(PASS_SUMS_LEFT, PASS_INPUTS, PASS_CODES_LEFT);
    StoreTile<PASS_SUMS_LEFT>(products->sums[p][0]);
    if constexpr (kColumns > 1) {
      _tile_loadd(PASS_CODES_RIGHT, codes + kLine, kStride);
      _tile_zero(PASS_SUMS_RIGHT);
      _tile_dpbsud(PASS_SUMS_RIGHT, PASS_INPUTS, PASS_CODES_RIGHT);
      StoreTile<PASS_SUMS_RIGHT>(products->sums[p][1]);
    }
  }
  if constexpr (HasFourBits(kForm)) FenceTiles(products->codes);
}

// What a group adds to y.
template <QuantizedForm kForm, int kRows, int kColumns>
PASS_INLINE void AddGroup(const std::byte* scales, const InputGroup* x,
                          const Products<kForm, kColumns>& products, Register (&y)[kRows][kColumns]) {
  for (int p = 0; p < kParts<kForm>; ++p) {
    const auto sum_of = [&](int r, int c) {
      IntRegister sum;
      std::memcpy(&sum, products.sums[p][c][r], sizeof(sum));
      return sum + StartOf<kForm>(x[r], p);
    };
    AddProducts(scales + p * kScaleBytes, x, sum_of, y);
  }
  if constexpr (HasMinimum(kForm)) AddMinima(scales + kScaleBytes, x, y);
}

// A tile's sums are not to be had before they have been stored, nor codes in tiles before they have been unpacked: with each
// group that is added to y the next one is multiplied, and the one behind it unpacked.
template <QuantizedForm kForm, int kRows, int kColumns>
void MultiplyColumns(const BlockRows& part, int column, float (*y)[kLinearBlock]) {
  constexpr int64_t kBytes = QuantizedGroupBytes(kForm);
  Products<kForm, kColumns> products[2];
  Register sums[kRows][kColumns] = {};
  const std::byte *scales = part.block + column * kRegisterWidth * 2, *ahead = part.ahead;
  const std::byte* codes = part.block + kCodesAt<kForm> + column * kLine;
  const InputGroup* x = part.x;
  const auto unpack = [&](int64_t g) {
    if constexpr (HasFourBits(kForm)) {
      if (g < part.groups) Unpack(codes + g * kBytes, &products[g % 2]);
    }
  };
  unpack(0);
  unpack(1);
  MultiplyGroup(codes, x, &products[0]);
  for (int64_t g = 0; g < part.groups; ++g, x += part.all_rows, scales += kBytes) {
    for (int64_t line = 0; line < part.lines; ++line, ahead += kLine) __builtin_prefetch(ahead, 0, kLevel2);
    unpack(g + 2);
    if (g + 1 < part.groups) {
      MultiplyGroup(codes + (g + 1) * kBytes, x + part.all_rows, &products[(g + 1) % 2]);
    }
    AddGroup(scales, x, products[g % 2], sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) Store((Lanes)sums[r][c], y[r] + (column + c) * kRegisterWidth);
  }
}

constexpr int ColumnsFor(int64_t rows) { return rows <= kFewRows ? kBlockRegisters : 1; }

void LoadShapes(QuantizedForm form, int64_t rows) {
  const int64_t inputs = ScaleGroup(form);
  TileShapes shapes;
  shapes.Set({PASS_SUMS_LEFT, PASS_SUMS_RIGHT}, rows, kLine);
  shapes.Set({PASS_INPUTS}, rows, inputs);
  shapes.Set({PASS_CODES_LEFT, PASS_CODES_RIGHT}, inputs / 4, kLine);
  shapes.Load();
}

}  // namespace

// One pass over a block asks for what lies a little ahead in the stream of weights; of several each asks for its share of the
// block behind, as in quantized_linear.cc.
template <typename T>
void MultiplyQuantizedByTiles(const QuantizedData& data, T* y, int64_t begin, int64_t end) {
  const int64_t block_bytes = QuantizedBlockBytes(data.form, data.in), groups = QuantizedGroups(data.in);
  const int64_t parts = (data.rows + kTileRows - 1) / kTileRows;
  const int64_t at_once = (data.rows + parts - 1) / parts;
  const int64_t passes = parts * kBlockRegisters / ColumnsFor(at_once);
  const int64_t lines = (QuantizedGroupBytes(data.form) / kLine + passes - 1) / passes;
  LoadShapes(data.form, at_once);
  for (int64_t block = begin; block < end; ++block) {
    const std::byte* packed = data.packed + block * block_bytes;
    const std::byte* ahead = packed + (passes == 1 ? kAhead : block_bytes);
    for (int64_t first = 0; first < data.rows; first += at_once) {
      // The last rows go with some that were there before, so that all parts have the same shapes.
      const int64_t row = std::min(first, data.rows - at_once);
      BlockRows part{.x = reinterpret_cast<const InputGroup*>(data.x) + row,
                     .all_rows = data.rows,
                     .block = packed,
                     .groups = groups,
                     .ahead = ahead,
                     .lines = lines};
      float sums[kTileRows][kLinearBlock];
      ForForm(data.form, [&]<QuantizedForm kForm>() {
        ForRows<kTileRows>(at_once, [&]<int kRows>() {
          constexpr int kColumns = ColumnsFor(kRows);
          for (int column = 0; column < kBlockRegisters; column += kColumns) {
            MultiplyColumns<kForm, kRows, kColumns>(part, column, sums);
            part.ahead += lines * groups * kLine;
          }
        });
      });
      ahead = part.ahead;
      StoreRows(sums, at_once, data, row, block, y);
    }
  }
  _tile_release();
}

template void MultiplyQuantizedByTiles(const QuantizedData&, Bf16*, int64_t, int64_t);
template void MultiplyQuantizedByTiles(const QuantizedData&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
