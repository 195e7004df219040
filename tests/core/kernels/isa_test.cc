#include "core/kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/kernels/draft_kernels.h"
#include "core/kernels/kernels.h"
#include "core/kernels/quantized.h"

namespace pass::kernels {
namespace {

TEST(Isa, HasANameEach) {
  for (const std::string_view name : kIsaNames) EXPECT_EQ(IsaName(IsaOfName(name).value()), name);
  EXPECT_FALSE(IsaOfName("avx513").has_value());
}

TEST(Isa, IsAtMostWhatTheCpuHasAndTheVariableAllows) {
  EXPECT_LE(ActiveIsa(), CpuIsa());
  const char* limit = std::getenv("PASS_MAX_ISA");
  if (limit != nullptr && IsaOfName(limit).has_value()) {
    EXPECT_LE(ActiveIsa(), *IsaOfName(limit));
  }
}

// bf16 as well, which needs no instructions of its own: no CPU with AVX2 or more falls back to the slow kernels.
template <typename T>
void ExpectATableForEachIsa() {
  EXPECT_EQ(&ForThisCpu<T>(), &TableOf<T>(ActiveIsa()));
  EXPECT_NE(&TableOf<T>(Isa::kGeneric), nullptr);
#if defined(__x86_64__)
  EXPECT_NE(&TableOf<T>(Isa::kAvx2), &TableOf<T>(Isa::kGeneric));
  EXPECT_NE(&TableOf<T>(Isa::kAvx512), &TableOf<T>(Isa::kAvx2));
  EXPECT_NE(&QuantizedTableOf<T>(Isa::kAvx2), &QuantizedTableOf<T>(Isa::kGeneric));
  EXPECT_NE(&QuantizedTableOf<T>(Isa::kAvx512Vnni), &QuantizedTableOf<T>(Isa::kAvx512));
  EXPECT_NE(&DraftTableOf<T>(Isa::kAvx2), &DraftTableOf<T>(Isa::kGeneric));
#endif
}

TEST(Isa, DecidesTheTableOfKernels) {
  ExpectATableForEachIsa<float>();
  ExpectATableForEachIsa<Bf16>();
}

}  // namespace
}  // namespace pass::kernels
