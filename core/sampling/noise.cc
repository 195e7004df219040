#include "core/sampling/noise.h"

#include <cmath>
#include <cstddef>

#include "core/base/check.h"

namespace pass {
namespace {

// Constants of the paper: the two multipliers, and the Weyl increments of the key (golden ratio, sqrt(3) -
// 1).
constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

constexpr double kTwoToMinus32 = 1.0 / 4294967296.0;

// Philox4x32-10 over the four words in place. Inlined into the loop over tokens.
inline void Philox(uint32_t& x0, uint32_t& x1, uint32_t& x2, uint32_t& x3, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * x0;
    const uint64_t product1 = uint64_t{kMultiplier1} * x2;
    const uint32_t y0 = static_cast<uint32_t>(product1 >> 32) ^ x1 ^ key0;
    const uint32_t y2 = static_cast<uint32_t>(product0 >> 32) ^ x3 ^ key1;
    x1 = static_cast<uint32_t>(product1);
    x3 = static_cast<uint32_t>(product0);
    x0 = y0;
    x2 = y2;
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
}

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that spreads neighbouring seeds.
uint64_t SplitMix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  Philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return counter;
}

// For one choice two seeds never share a key, nor do two choices of one seed.
Noise::Noise(uint64_t seed, uint32_t choice) {
  const uint64_t mixed = SplitMix64(SplitMix64(seed) + choice);
  key_ = {static_cast<uint32_t>(mixed), static_cast<uint32_t>(mixed >> 32)};
}

uint32_t Noise::Bits(int32_t position, int32_t base, Purpose purpose, TokenId token) const {
  return Philox4x32({static_cast<uint32_t>(position), static_cast<uint32_t>(base),
                     static_cast<uint32_t>(purpose), static_cast<uint32_t>(token)},
                    key_)[0];
}

void Noise::Bits(int32_t position, int32_t base, Purpose purpose, std::span<const TokenId> tokens,
                 std::span<uint32_t> bits) const {
  PASS_CHECK(tokens.size() == bits.size());
  const TokenId* const token = tokens.data();
  uint32_t* const out = bits.data();
  const uint32_t key0 = key_[0];
  const uint32_t key1 = key_[1];
  for (size_t i = 0; i < tokens.size(); ++i) {
    uint32_t x0 = static_cast<uint32_t>(position);
    uint32_t x1 = static_cast<uint32_t>(base);
    uint32_t x2 = static_cast<uint32_t>(purpose);
    uint32_t x3 = static_cast<uint32_t>(token[i]);
    Philox(x0, x1, x2, x3, key0, key1);
    out[i] = x0;
  }
}

double Noise::Uniform(int32_t position, int32_t base, Purpose purpose) const {
  return Bits(position, base, purpose, /*token=*/0) * kTwoToMinus32;
}

double Noise::Gumbel(int32_t position, int32_t base, Purpose purpose, TokenId token) const {
  return GumbelOf(Bits(position, base, purpose, token));
}

double Noise::GumbelOf(uint32_t bits) { return -std::log(-std::log((bits + 0.5) * kTwoToMinus32)); }

}  // namespace pass
