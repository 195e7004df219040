// Linears on quantised weights by tdpbsud, Intel's AMX. A tile has the inputs of up to 16 rows, or the codes of 16 outputs as they
// are packed, or 16 x 16 sums. These are whole numbers; what they add to y is what the kernel of few rows adds, in the same
// order (quantized_lanes.h), so that both give a row the same bits.
#include "core/kernels/quantized_lanes.h"
#include "core/kernels/tile_shapes.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kSumBytes = kLinearBlock * static_cast<int64_t>(sizeof(int32_t));  // of a row
// Groups that are multiplied before any of their sums is read: a sum is not to be had before its tile has been stored.
constexpr int64_t kStripGroups = 4;
constexpr int kFewRows = 8;  // whose y registers hold for both halves of a block

// The numbers of the tiles.
#define PASS_SUMS_LEFT 0
#define PASS_SUMS_RIGHT 1
#define PASS_INPUTS 2
#define PASS_CODES_LEFT 3
#define PASS_CODES_RIGHT 4

// Rows of one block.
struct Part {
  const InputGroup* x;  // of the first row
  int64_t all_rows;     // of the forward: groups are so far apart
  const std::byte* block;
  int64_t groups;
  const std::byte* ahead;  // weights that are asked for: so many lines with each group
  int64_t lines;
};

// Some groups of a block, and their sums of products, by part of a group.
template <QuantizedForm kForm>
struct alignas(64) Strip {
  int32_t sums[kStripGroups][kParts<kForm>][kTileRows][kLinearBlock];
  std::byte codes[HasFourBits(kForm) ? kStripGroups : 1]
                 [kQuads * kQuadBytes];  // of 4 bits, as those of 8 lie
};

void Unpack(const std::byte* nibbles, std::byte* codes) {
  for (int quad = 0; quad < kQuads; quad += 2, nibbles += kQuadBytes, codes += 2 * kQuadBytes) {
    for (int64_t at = 0; at < kQuadBytes; at += kLine) {
      Bits low, high;
      SplitNibbles(nibbles + at, &low, &high);
      std::memcpy(codes + at, &low, sizeof(low));
      std::memcpy(codes + kQuadBytes + at, &high, sizeof(high));
    }
  }
}

template <QuantizedForm kForm>
void MultiplyStrip(const Part& part, const std::byte* group, const InputGroup* x, int64_t groups,
                   Strip<kForm>* strip) {
  constexpr int64_t kPartInputs = kQuantizedGroup / kParts<kForm>;
  if constexpr (HasFourBits(kForm)) {
    const std::byte* packed = group + kCodesAt<kForm>;
    for (int64_t g = 0; g < groups; ++g, packed += QuantizedGroupBytes(kForm))
      Unpack(packed, strip->codes[g]);
    __asm__ volatile("" : : : "memory");  // GCC's intrinsics do not say that they read memory
  }
  for (int64_t g = 0; g < groups; ++g, x += part.all_rows, group += QuantizedGroupBytes(kForm)) {
    const std::byte* codes = HasFourBits(kForm) ? strip->codes[g] : group + kCodesAt<kForm>;
    for (int p = 0; p < kParts<kForm>; ++p, codes += kPartInputs / 4 * kQuadBytes) {
      _tile_zero(PASS_SUMS_LEFT);
      _tile_zero(PASS_SUMS_RIGHT);
      _tile_loadd(PASS_INPUTS, x->codes + p * kPartInputs, sizeof(InputGroup));
      _tile_loadd(PASS_CODES_LEFT, codes, kQuadBytes);
      _tile_loadd(PASS_CODES_RIGHT, codes + kLine, kQuadBytes);
      _tile_dpbsud(PASS_SUMS_LEFT, PASS_INPUTS, PASS_CODES_LEFT);
      _tile_dpbsud(PASS_SUMS_RIGHT, PASS_INPUTS, PASS_CODES_RIGHT);
      _tile_stored(PASS_SUMS_LEFT, strip->sums[g][p][0], kSumBytes);
      _tile_stored(PASS_SUMS_RIGHT, strip->sums[g][p][0] + kWidth, kSumBytes);
    }
  }
}

// What the sums of a strip add to some registers of y.
template <QuantizedForm kForm, int kRows, int kColumns>
void AddStrip(const Part& part, const std::byte* group, const InputGroup* x, int64_t groups,
              const Strip<kForm>& strip, int column, float (*y)[kLinearBlock]) {
  Floats of[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) std::memcpy(of[r], y[r] + column * kWidth, sizeof(of[r]));
  const std::byte* scales = group + column * kWidth * 2;
  for (int64_t g = 0; g < groups; ++g, x += part.all_rows, scales += QuantizedGroupBytes(kForm)) {
    for (int p = 0; p < kParts<kForm>; ++p) {
      const auto sum_of = [&](int r, int c) {
        Ints sum;
        std::memcpy(&sum, strip.sums[g][p][r] + (column + c) * kWidth, sizeof(sum));
        return sum + StartOf<kForm>(x[r], p);
      };
      AddProducts(scales + p * kScaleBytes, x, sum_of, of);
    }
    if constexpr (HasMinimum(kForm)) AddMinima(scales + kScaleBytes, x, of);
  }
  for (int r = 0; r < kRows; ++r) std::memcpy(y[r] + column * kWidth, of[r], sizeof(of[r]));
}

template <QuantizedForm kForm, int kRows>
void MultiplyPart(const Part& part, float (*y)[kLinearBlock]) {
  constexpr int kColumns = kRows <= kFewRows ? kBlockRegisters : 1;
  Strip<kForm> strip;
  std::memset(y, 0, kRows * sizeof(*y));
  const std::byte *group = part.block, *ahead = part.ahead;
  const InputGroup* x = part.x;
  for (int64_t left = part.groups; left > 0; left -= kStripGroups) {
    const int64_t groups = std::min(left, kStripGroups);
    for (int64_t line = 0; line < groups * part.lines; ++line, ahead += kLine) {
      __builtin_prefetch(ahead, 0, kLevel2);
    }
    MultiplyStrip(part, group, x, groups, &strip);
    for (int column = 0; column < kBlockRegisters; column += kColumns) {
      AddStrip<kForm, kRows, kColumns>(part, group, x, groups, strip, column, y);
    }
    group += groups * QuantizedGroupBytes(kForm);
    x += groups * part.all_rows;
  }
}

void LoadShapes(QuantizedForm form, int64_t rows) {
  const int64_t inputs = ScaleGroup(form);
  TileShapes shapes;
  shapes.Set({PASS_SUMS_LEFT, PASS_SUMS_RIGHT}, rows, kLine);
  shapes.Set({PASS_INPUTS}, rows, inputs);
  shapes.Set({PASS_CODES_LEFT, PASS_CODES_RIGHT}, inputs / 4, kLine);
  shapes.Load();
}

}  // namespace

// One part of the rows asks for what lies a little ahead in the stream of weights; of several each asks for its share of the block
// behind, as in quantized_linear.cc.
template <typename T>
void MultiplyQuantizedByTiles(const QuantizedData& data, T* y, int64_t begin, int64_t end) {
  const int64_t block_bytes = QuantizedBlockBytes(data.form, data.in), groups = QuantizedGroups(data.in);
  const int64_t parts = (data.rows + kTileRows - 1) / kTileRows;
  const int64_t at_once = (data.rows + parts - 1) / parts;
  const int64_t lines = (QuantizedGroupBytes(data.form) / kLine + parts - 1) / parts;
  LoadShapes(data.form, at_once);
  for (int64_t block = begin; block < end; ++block) {
    const std::byte* packed = data.packed + block * block_bytes;
    const std::byte* ahead = packed + (parts == 1 ? kAhead : block_bytes);
    for (int64_t part = 0; part < parts; ++part, ahead += lines * groups * kLine) {
      // The last rows go with some that were there before, so that all parts have the same shapes.
      const int64_t row = std::min(part * at_once, data.rows - at_once);
      const Part rows{.x = reinterpret_cast<const InputGroup*>(data.x) + row,
                      .all_rows = data.rows,
                      .block = packed,
                      .groups = groups,
                      .ahead = ahead,
                      .lines = lines};
      alignas(64) float sums[kTileRows][kLinearBlock];
      ForForm(data.form, [&]<QuantizedForm kForm>() {
        ForRows<kTileRows>(at_once, [&]<int kRows>() { MultiplyPart<kForm, kRows>(rows, sums); });
      });
      StoreRows(sums, at_once, data, row, block, y);
    }
  }
  _tile_release();
}

template void MultiplyQuantizedByTiles(const QuantizedData&, Bf16*, int64_t, int64_t);
template void MultiplyQuantizedByTiles(const QuantizedData&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
