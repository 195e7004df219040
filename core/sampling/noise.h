// Counter-based random numbers: the noise of a draw is a function of (seed, choice, position, base, purpose,
// token) and of nothing else, so that it does not depend on the batch, on the order of evaluation or on the
// speculation.
//
// Generator: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC
// 2011). Key = mix(seed, choice); counter = (position, base, purpose, token id or 0). `position` is the
// absolute index of the token being decided. `base` is 0 for kTarget and the position of the round's newest
// token for the other two, so that a position which is decided anew after a rejection never meets old noise.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/base/token_id.h"

namespace pass {

enum class Purpose : uint32_t {
  kTarget = 0,  // every draw of a target token: first token, residual and bonus of `pass`, drafts of `tree`
  kDraft = 1,   // the drafts of `pass`
  kAccept = 2,  // the acceptance test of `pass`
};

// The words of one Philox4x32-10 block.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class Noise {
 public:
  Noise(uint64_t seed, uint32_t choice);

  // The raw 32 random bits behind a draw.
  uint32_t Bits(int32_t position, int32_t base, Purpose purpose, TokenId token) const;
  // The same for many tokens at once, which compilers turn into vector code. `bits` is as long as `tokens`.
  void Bits(int32_t position, int32_t base, Purpose purpose, std::span<const TokenId> tokens,
            std::span<uint32_t> bits) const;

  // Uniform in [0, 1), with token id 0.
  double Uniform(int32_t position, int32_t base, Purpose purpose) const;

  // Standard Gumbel noise of one token: -log(-log(u)) with u = (bits + 1/2) / 2^32, always finite.
  double Gumbel(int32_t position, int32_t base, Purpose purpose, TokenId token) const;
  static double GumbelOf(uint32_t bits);

 private:
  std::array<uint32_t, 2> key_;
};

}  // namespace pass
