// Linked into tests that run once for each instruction set: one that this CPU lacks is said not to have run, in place of
// running the next below another time.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/kernels/isa.h"

namespace pass::kernels {
namespace {

class IsaEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* limit = std::getenv("PASS_MAX_ISA");
    const std::optional<Isa> named = IsaOfName(limit != nullptr ? limit : "");
    if (named.has_value() && *named > CpuIsa()) {  // ctest looks for the first words
      GTEST_SKIP() << "not run: this CPU has no " << limit << ", only " << IsaName(CpuIsa());
    }
  }
};

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new IsaEnvironment);  // owned by GoogleTest

}  // namespace
}  // namespace pass::kernels
