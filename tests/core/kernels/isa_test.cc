#include "core/kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/kernels/kernels.h"

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

TEST(Isa, DecidesTheTableOfKernels) {
  EXPECT_EQ(&ForThisCpu<float>(), &TableOf<float>(ActiveIsa()));
  EXPECT_NE(&TableOf<float>(Isa::kGeneric), nullptr);
  if (CpuIsa() >= Isa::kAvx2) {
    EXPECT_NE(&TableOf<float>(Isa::kGeneric), &TableOf<float>(Isa::kAvx2));
  }
}

}  // namespace
}  // namespace pass::kernels
