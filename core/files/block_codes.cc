#include "core/files/block_codes.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/files/dequantize.h"

namespace pass {
namespace {

// The layouts of blocks are known to their decoders (decode_blocks.h), and here only which bytes are what. A block whose scales
// are 1 and whose minima are 0 decodes to its codes, one whose codes are 1 to its scales, and one whose codes are 0 to its
// minima.
enum class Part : uint8_t { kScale, kMinimum, kCode };

struct Field {
  Part part = Part::kScale;
  size_t begin = 0, bytes = 0;
  std::array<uint8_t, 2> one = {};  // repeated, it makes a scale or a code 1, and a minimum 0
};

struct CodedType {
  TensorType type;
  CodeLayout layout;
  std::array<Field, 6> fields;
};

constexpr std::array<uint8_t, 2> kHalfOne = {0x00, 0x3c};  // binary16, little-endian
constexpr std::array<uint8_t, 2> kZero = {};
constexpr std::array<uint8_t, 2> Both(uint8_t byte) { return {byte, byte}; }

constexpr CodedType kCodedTypes[] = {
    {TensorType::kQ8_0,
     {.least = -128, .most = 127},
     {{{Part::kScale, 0, 2, kHalfOne}, {Part::kCode, 2, 32, Both(1)}}}},
    {TensorType::kQ4_0,
     {.least = -8, .most = 7},
     {{{Part::kScale, 0, 2, kHalfOne}, {Part::kCode, 2, 16, Both(0x99)}}}},
    {TensorType::kQ4_1,
     {.least = 0, .most = 15, .has_minimum = true},
     {{{Part::kScale, 0, 2, kHalfOne}, {Part::kMinimum, 2, 2, kZero}, {Part::kCode, 4, 16, Both(0x11)}}}},
    {TensorType::kQ5_0,
     {.least = -16, .most = 15},
     {{{Part::kScale, 0, 2, kHalfOne}, {Part::kCode, 2, 4, Both(0xff)}, {Part::kCode, 6, 16, Both(0x11)}}}},
    {TensorType::kQ5_1,
     {.least = 0, .most = 31, .has_minimum = true},
     {{{Part::kScale, 0, 2, kHalfOne},
       {Part::kMinimum, 2, 2, kZero},
       {Part::kCode, 4, 4, kZero},
       {Part::kCode, 8, 16, Both(0x11)}}}},
    {TensorType::kQ3K,  // scales are 32 too large: 33 is 1
     {.group = 16, .least = -4, .most = 3},
     {{{Part::kScale, 108, 2, kHalfOne},
       {Part::kScale, 96, 8, Both(0x11)},
       {Part::kScale, 104, 4, Both(0xaa)},
       {Part::kCode, 0, 32, Both(0xff)},
       {Part::kCode, 32, 64, Both(0x55)}}}},
    {TensorType::kQ4K,
     {.least = 0, .most = 15, .has_minimum = true},
     {{{Part::kScale, 0, 2, kHalfOne},
       {Part::kMinimum, 2, 2, kZero},
       {Part::kScale, 4, 4, Both(1)},
       {Part::kScale, 12, 4, Both(1)},
       {Part::kCode, 16, 128, Both(0x11)}}}},
    {TensorType::kQ5K,
     {.least = 0, .most = 31, .has_minimum = true},
     {{{Part::kScale, 0, 2, kHalfOne},
       {Part::kMinimum, 2, 2, kZero},
       {Part::kScale, 4, 4, Both(1)},
       {Part::kScale, 12, 4, Both(1)},
       {Part::kCode, 16, 32, kZero},
       {Part::kCode, 48, 128, Both(0x11)}}}},
    {TensorType::kQ6K,
     {.group = 16, .least = -32, .most = 31},
     {{{Part::kScale, 208, 2, kHalfOne},
       {Part::kScale, 192, 16, Both(1)},
       {Part::kCode, 0, 128, Both(0x11)},
       {Part::kCode, 128, 64, Both(0xaa)}}}},
    {TensorType::kIq4Nl,
     {.least = -127, .most = 113},
     {{{Part::kScale, 0, 2, kHalfOne}, {Part::kCode, 2, 16, Both(0x88)}}}},
    {TensorType::kIq4Xs,  // as Q3_K
     {.least = -127, .most = 113},
     {{{Part::kScale, 0, 2, kHalfOne},
       {Part::kScale, 2, 2, Both(0xaa)},
       {Part::kScale, 4, 4, Both(0x11)},
       {Part::kCode, 8, 128, Both(0x88)}}}},
};

const CodedType* Find(TensorType type) {
  const auto* found = std::ranges::find(kCodedTypes, type, &CodedType::type);
  return found == std::end(kCodedTypes) ? nullptr : found;
}

// Sets all fields of a part, to its one or to zeros.
void Set(const CodedType& coded, Part part, bool to_one, std::span<std::byte> block) {
  for (const Field& field : coded.fields) {
    if (field.part != part) continue;
    for (size_t i = 0; i < field.bytes; ++i) {
      block[field.begin + i] = to_one ? std::byte{field.one[i % 2]} : std::byte{0};
    }
  }
}

}  // namespace

std::optional<CodeLayout> CodeLayoutOf(TensorType type) {
  const CodedType* coded = Find(type);
  if (coded == nullptr) return std::nullopt;
  return coded->layout;
}

void DecodeCodes(TensorType type, std::span<const std::byte> data, std::span<int16_t> codes,
                 std::span<float> scales, std::span<float> minima) {
  const CodedType* coded = Find(type);
  PASS_CHECK(coded != nullptr);
  const auto [elements, bytes] = LayoutOf(type);
  const auto& [group, least, most, has_minimum] = coded->layout;
  PASS_CHECK(codes.size() % elements == 0 && data.size() == codes.size() / elements * bytes &&
             scales.size() == codes.size() / group && minima.size() == (has_minimum ? scales.size() : 0));
  std::vector<std::byte> block(bytes);
  std::vector<float> values(elements);
  const auto decode = [&](size_t index, std::initializer_list<std::pair<Part, bool>> settings) {
    const auto stored = data.subspan(index * bytes, bytes);
    std::ranges::copy(stored, block.begin());
    for (const auto& [part, to_one] : settings) Set(*coded, part, to_one, block);
    Dequantize(type, block, values);
  };
  for (size_t index = 0; index < codes.size() / elements; ++index) {
    decode(index, {{Part::kScale, true}, {Part::kMinimum, true}});
    std::ranges::transform(values, codes.begin() + static_cast<ptrdiff_t>(index * elements),
                           [](float value) { return static_cast<int16_t>(value); });
    decode(index, {{Part::kCode, true}, {Part::kMinimum, true}});
    const size_t first = index * elements / group;
    for (size_t g = 0; g < elements / group; ++g) scales[first + g] = values[g * group];
    if (!has_minimum) continue;
    decode(index, {{Part::kCode, false}});
    for (size_t g = 0; g < elements / group; ++g) minima[first + g] = values[g * group];
  }
}

}  // namespace pass
