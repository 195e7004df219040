#include "bench/variant.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace pass::bench {
namespace {

TEST(Variant, NamesAMethodAndItsLookaheadTokens) {
  EXPECT_EQ(ParseVariant("pass:3", 8)->Name(), "pass L=3");
  EXPECT_EQ(ParseVariant("pass", 8)->lookahead, 8);
  EXPECT_EQ(ParseVariant("pass:0", 8)->lookahead, 0);
  EXPECT_EQ(ParseVariant("auto", 8)->method, Method::kAuto);
  EXPECT_EQ(ParseVariant("tree:2,rows=16,no-text", 8)->Name(), "tree L=2 rows=16 no-text");
  EXPECT_EQ(ParseVariant("tree:no-text", 8)->lookahead, 8);
  EXPECT_EQ(ParseVariant("plain", 8)->Name(), "plain");
}

TEST(Variant, RefusesWhatItDoesNotKnow) {
  ExpectInvalid(ParseVariant("fast", 8).status(), {"'fast' is no method"});
  ExpectInvalid(ParseVariant("tree:rows=0", 8).status(), {"rows=1..64"});
  ExpectInvalid(ParseVariant("pass:x", 8).status(), {"'pass:x' must have L"});
  ExpectInvalid(ParseVariant("pass:-1", 8).status(), {"'pass:-1' must have L"});
}

TEST(Sampling, ReadsItsParts) {
  EXPECT_TRUE(ParseSampling("greedy")->options.greedy());
  const SamplingOptions options = ParseSampling("t0.8-k10-p0.9-m0.05")->options;
  EXPECT_DOUBLE_EQ(options.temperature, 0.8);
  EXPECT_EQ(options.top_k, 10);
  EXPECT_DOUBLE_EQ(options.top_p, 0.9);
  EXPECT_DOUBLE_EQ(options.min_p, 0.05);
  const Sampling pure = *ParseSampling("t1");
  EXPECT_EQ(pure.name, "t1");
  EXPECT_EQ(pure.options.top_k, 0);
  EXPECT_DOUBLE_EQ(pure.options.top_p, 1.0);
}

TEST(Sampling, RefusesWhatNoRequestMayHave) {
  ExpectInvalid(ParseSampling("t1-p2").status(), {"'t1-p2'", "top_p"});
  ExpectInvalid(ParseSampling("t1-q2").status(), {"'q2' is not t<temperature>"});
  ExpectInvalid(ParseSampling("").status(), {"'' is not t<temperature>"});
}

}  // namespace
}  // namespace pass::bench
