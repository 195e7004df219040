#include <array>
#include <cstdint>

#include "core/files/decode_blocks.h"
#include "core/files/half.h"

namespace pass {
namespace {

constexpr size_t kBlock = 256;
constexpr size_t kRun = 32;  // elements whose bits lie at one height of 32 consecutive bytes

unsigned Bits(std::byte byte, size_t shift, unsigned mask) {
  return std::to_integer<unsigned>(byte) >> shift & mask;
}

float Float(unsigned value) { return static_cast<float>(static_cast<int>(value)); }

// Calls decode(run, bytes, shift) for each run of 32 elements of a block with two bits an element in `bits`: the runs
// 0 to 3 are bits 0-1, 2-3, 4-5 and 6-7 of the first 32 bytes, the runs 4 to 7 those of the next 32.
template <typename DecodeRun>
void ForEachTwoBitRun(const std::byte* bits, DecodeRun decode) {
  for (size_t run = 0; run < kBlock / kRun; ++run) decode(run, bits + run / 4 * kRun, run % 4 * 2);
}

// Eight scales and eight minima of six bits each: the first four of both in the low bits of bytes 0-3 and 4-7;
// of the last four the low halves in bytes 8-11, the two highest bits above the first four.
struct ScalesAndMinima {
  explicit ScalesAndMinima(const std::byte* packed) {
    for (size_t i = 0; i < 4; ++i) {
      scales[i] = Float(Bits(packed[i], 0, 63));
      minima[i] = Float(Bits(packed[i + 4], 0, 63));
      scales[i + 4] = Float(Bits(packed[i + 8], 0, 15) | Bits(packed[i], 6, 3) << 4);
      minima[i + 4] = Float(Bits(packed[i + 8], 4, 15) | Bits(packed[i + 4], 6, 3) << 4);
    }
  }

  std::array<float, 8> scales;  // of the runs
  std::array<float, 8> minima;
};

// Sixteen scales of six bits: the low halves in the nibbles of bytes 0-7, the two highest bits in bytes 8-11.
std::array<float, 16> UnpackQ3Scales(const std::byte* packed) {
  std::array<float, 16> scales;
  for (size_t i = 0; i < scales.size(); ++i) {
    const unsigned low = Bits(packed[i % 8], i / 8 * 4, 15);
    const unsigned high = Bits(packed[8 + i % 4], i / 4 * 2, 3);
    scales[i] = static_cast<float>(static_cast<int>(low | high << 4) - 32);
  }
  return scales;
}

}  // namespace

// uint8 scale[16], low half s, high half t; two bits q[256]; half d; half m.  x = (d s) q - (m t), s and t of 16 elements
void DecodeQ2K(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ2K>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block + 80), m = LoadHalf(block + 82);
    ForEachTwoBitRun(block + 16, [&](size_t run, const std::byte* q, size_t shift) {
      for (size_t half = 0; half < 2; ++half) {
        const std::byte packed = block[2 * run + half];
        const float scale = d * Float(Bits(packed, 0, 15)), minimum = m * Float(Bits(packed, 4, 15));
        for (size_t i = half * 16; i < half * 16 + 16; ++i) {
          x[run * kRun + i] = scale * Float(Bits(q[i], shift, 3)) - minimum;
        }
      }
    });
  });
}

// third bits h[32 bytes]; two bits q[256]; 12 bytes of scales s[16]; half d.  x = (d s) (q - 4 (1 - h)), s of 16 elements,
// h bit `run` of byte i
void DecodeQ3K(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ3K>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block + 108);
    const std::array<float, 16> scales = UnpackQ3Scales(block + 96);
    ForEachTwoBitRun(block + 32, [&](size_t run, const std::byte* q, size_t shift) {
      for (size_t half = 0; half < 2; ++half) {
        const float scale = d * scales[2 * run + half];
        for (size_t i = half * 16; i < half * 16 + 16; ++i) {
          const unsigned three_bits = Bits(q[i], shift, 3) | Bits(block[i], run, 1) << 2;
          x[run * kRun + i] = scale * static_cast<float>(static_cast<int>(three_bits) - 4);
        }
      }
    });
  });
}

// half d; half m; 12 bytes of scales s[8] and minima t[8]; nibbles q[256].  x = (d s) q - (m t), s and t of 32 elements; two
// runs share 32 bytes of nibbles, the first has the low halves
void DecodeQ4K(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ4K>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block), m = LoadHalf(block + 2);
    const ScalesAndMinima packed(block + 4);
    for (size_t run = 0; run < kBlock / kRun; ++run) {
      const float scale = d * packed.scales[run], minimum = m * packed.minima[run];
      const std::byte* q = block + 16 + run / 2 * kRun;
      const size_t shift = run % 2 * 4;
      for (size_t i = 0; i < kRun; ++i) x[run * kRun + i] = scale * Float(Bits(q[i], shift, 15)) - minimum;
    }
  });
}

// As Q4_K with a fifth bit: half d; half m; 12 bytes of scales and minima; fifth bits h[32 bytes]; nibbles q[256]. h is bit
// `run` of byte i
void DecodeQ5K(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ5K>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block), m = LoadHalf(block + 2);
    const ScalesAndMinima packed(block + 4);
    const std::byte* fifth = block + 16;
    for (size_t run = 0; run < kBlock / kRun; ++run) {
      const float scale = d * packed.scales[run], minimum = m * packed.minima[run];
      const std::byte* q = block + 48 + run / 2 * kRun;
      const size_t shift = run % 2 * 4;
      for (size_t i = 0; i < kRun; ++i) {
        const unsigned five_bits = Bits(q[i], shift, 15) | Bits(fifth[i], run, 1) << 4;
        x[run * kRun + i] = scale * Float(five_bits) - minimum;
      }
    }
  });
}

// nibbles q[256]; two bits h[256]; int8 s[16]; half d.  x = (d s) ((q | h << 4) - 32), s of 16 elements. Of each half block, 64
// bytes of nibbles hold the runs 0 and 1 below, 2 and 3 above.
void DecodeQ6K(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ6K>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block + 208);
    ForEachTwoBitRun(block + 128, [&](size_t run, const std::byte* high, size_t high_shift) {
      const std::byte* low = block + run / 4 * 64 + run % 2 * kRun;
      const size_t low_shift = run % 4 / 2 * 4;
      for (size_t half = 0; half < 2; ++half) {
        const float scale = d * static_cast<float>(static_cast<int8_t>(block[192 + 2 * run + half]));
        for (size_t i = half * 16; i < half * 16 + 16; ++i) {
          const unsigned six_bits = Bits(low[i], low_shift, 15) | Bits(high[i], high_shift, 3) << 4;
          x[run * kRun + i] = scale * static_cast<float>(static_cast<int>(six_bits) - 32);
        }
      }
    });
  });
}

}  // namespace pass
