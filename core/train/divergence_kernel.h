// The loops of divergence.cc over bf16 rows. Torch-free, compiled for several instruction sets; the CPU decides.
#pragma once

#include <cstdint>

namespace pass::divergence_kernel {

inline constexpr float kLeastOverlap = 1e-6F;  // below it the loss counts as much

struct Summary {
  float log_sum_exp;
  int32_t argmax;
};
struct Sums {
  float kl;
  float overlap;  // sum of min(p, q)
};

Summary Summarise(const uint16_t* logits, int64_t size);

// student becomes weight * d loss / d student of the loss in divergence.h, rounded to nearest even.
Sums Diverge(uint16_t* student, float student_log_sum_exp, const uint16_t* teacher, float teacher_log_sum_exp,
             float weight, float overlap_share, int64_t size);

// flags[i] |= logits[i] >= threshold.
void FlagAtLeast(const uint16_t* logits, float threshold, uint8_t* flags, int64_t size);

}  // namespace pass::divergence_kernel
