#include "core/train/continuations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <span>
#include <utility>
#include <vector>

#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/table_model.h"

namespace pass {
namespace {

constexpr TableModelOptions kModel = {.vocab_size = ByteTokenizer::kEnd + 1, .context_length = 256};

GenerationRequest Greedy(std::vector<TokenId> prompt, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  return request;
}

TEST(Continuations, AreThoseOfTheModelInOrder) {
  TableModel model(kModel, ScriptedLogits({1, 2, 3, 4, 5, 6}));
  const ByteTokenizer tokenizer;
  const auto continuations = Continue(model, tokenizer, {}, {Greedy({1}, 3), Greedy({1, 2, 3}, 1)}, 1);
  ASSERT_TRUE(continuations.ok()) << continuations.status();
  EXPECT_EQ(*continuations, (std::vector<std::vector<TokenId>>{{2, 3, 4}, {4}}));
}

TEST(Continuations, RefuseARequestForNoTokenOrWithoutAPrompt) {
  TableModel model(kModel, ScriptedLogits({1, 2, 3}));
  const ByteTokenizer tokenizer;
  for (const auto& request : {Greedy({1}, 0), Greedy({1}, -5), Greedy({}, 4)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Continue(model, tokenizer, {}, {request}, 4).status()));
  }
}

TEST(Continuations, EndBetweenTwoForwardsWhenTheyAreStopped) {
  std::atomic<bool> stop = false;
  int forwards = 0;
  TableModel model(kModel, ScriptedLogits({1, 2, 3, 4, 5, 6, 7, 8}));
  model.OnForward([&](std::span<const Row>) {
    stop = ++forwards == 3;
    return absl::OkStatus();
  });
  const ByteTokenizer tokenizer;
  const auto continuations =
      Continue(model, tokenizer, {}, {Greedy({1}, 100), Greedy({1, 2}, 100)}, 1, &stop);
  EXPECT_TRUE(absl::IsCancelled(continuations.status())) << continuations.status();
  EXPECT_EQ(forwards, 3);
  EXPECT_EQ(model.kv_usage().reserved_pages, 0) << "the sequences are closed";
}

TEST(Continuations, SayWhatTheModelSaidWhenItFails) {
  TableModel model(kModel, ScriptedLogits({1, 2, 3}));
  model.OnForward([](std::span<const Row>) { return absl::InternalError("a page is missing"); });
  const ByteTokenizer tokenizer;
  EXPECT_EQ(Continue(model, tokenizer, {}, {Greedy({1}, 4)}, 4).status(),
            absl::InternalError("a page is missing"));
}

}  // namespace
}  // namespace pass
