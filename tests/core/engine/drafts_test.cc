// The engine with a model that has a head: who asks for drafts, and what is left of them.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/decode/pass.h"
#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

// Letters one after the other, which the head knows too.
std::vector<TokenId> Letters() {
  std::vector<TokenId> script;
  for (int i = 0; i < 200; ++i) script.push_back('a' + i % 26);
  return script;
}

struct HeadRig : EngineRig {
  HeadRig() : EngineRig({}, ScriptedLogits(Letters()), ScriptedDrafts(Letters())) {}
};

TEST(Drafts, BringAcceptedTokensWithOneCallPerDraftForTheWholeBatch) {
  HeadRig rig;
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 5; ++i) sinks.push_back(rig.Submit(Request("abc", 12, Method::kPass)));
  rig.Run();
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->text(), "defghijklmno");
    EXPECT_EQ(sink->steps().size(), 2u);  // two rounds of six tokens
  }
  EXPECT_EQ(rig.model.num_propose_calls(), 2 * 4);
}

TEST(Drafts, AreReleasedAfterEachRound) {
  HeadRig rig;
  rig.Submit(Request("abc", 100, Method::kPass));
  int most = 0;
  int rounds = 0;
  while (rig.engine.Step()) {
    most = std::max(most, rig.model.num_live_drafts());
    rounds += rig.model.num_live_drafts() == 0 ? 1 : 0;
  }
  EXPECT_EQ(most, PassDecoder::kRowsWithHead);
  EXPECT_EQ(rounds, 17);  // of six tokens, the last one cut
}

TEST(Drafts, AreGoneWithARequestThatIsCancelledWithinARound) {
  HeadRig rig;
  rig.Submit(Request("abc", 100, Method::kPass));
  rig.engine.Step();
  ASSERT_EQ(rig.model.num_live_drafts(), PassDecoder::kRowsWithHead);
  rig.engine.Cancel(rig.last_handle());
  rig.engine.Step();
  EXPECT_EQ(rig.model.num_live_drafts(), 0);
}

TEST(Drafts, AreGoneWithARequestThatEndsWithinARound) {
  HeadRig rig;
  const auto sink = rig.Submit(Request("abc", 7, Method::kPass));
  rig.Run();
  EXPECT_EQ(sink->text(), "defghij");  // the seventh is the second round's first
  EXPECT_EQ(rig.model.num_live_drafts(), 0);
}

TEST(Drafts, AreNeverAskedForByPlain) {
  HeadRig rig;
  rig.Submit(Request("abc", 20));
  rig.Run();
  EXPECT_EQ(rig.model.num_propose_calls(), 0);
}

}  // namespace
}  // namespace pass
