// The promise of the methods on every kind of model: plain, tree and auto write the same ids, whatever the neighbours, and so
// does pass when it is greedy.
#include <gtest/gtest.h>

#include <random>

#include "core/engine/engine.h"
#include "tests/core/model/random_model.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/recording_sink.h"

namespace pass {
namespace {

constexpr int kRequests = 4;
constexpr int kLookahead = 3;

struct Outcome {
  std::vector<TokenId> ids;
  int drafted = 0;
};

struct Case {
  ModelConfig config;
  WeightType weights = WeightType::kComputeType;
};

class Methods : public ::testing::TestWithParam<Case> {
 protected:
  Methods() : config_(GetParam().config) {
    config_.vocab_size = ByteTokenizer::kEnd + 1;
    std::mt19937_64 random(seed_);
    for (int i = 0; i < kRequests; ++i) {
      GenerationRequest& request = requests_.emplace_back();
      const uint64_t length = 20 + random() % 50;  // longer than some windows
      for (uint64_t j = 0; j < length; ++j) {
        request.prompt.push_back(static_cast<TokenId>(random() % ByteTokenizer::kEnd));
      }
      // Odd ones are greedy. A low temperature lets drafts be accepted.
      request.sampling = {.temperature = i % 2 == 0 ? 0.3 : 0.0, .seed = random()};
      request.max_tokens = 40;
      request.ignore_eos = true;
      request.lookahead = kLookahead;
    }
  }

  // The requests together, or one after the other.
  std::vector<Outcome> Run(Method method, bool together) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed_);
    const std::unique_ptr<Transformer> model = testing::MakeRandomModel(
        config_, ComputeType::kBf16, /*seed=*/7, {.count = kLookahead, .rank = 4, .hidden = 32},
        /*kv_pages=*/256, GetParam().weights);
    const ByteTokenizer tokenizer;
    const SystemClock clock;
    Engine engine(model.get(), &tokenizer, {}, {.prefill_chunk_rows = 24}, /*observer=*/nullptr, &clock);
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    for (GenerationRequest request : requests_) {
      request.method = method;
      sinks.push_back(std::make_shared<RecordingSink>());
      engine.Submit(sinks.size(), std::move(request), sinks.back());
      while (!together && engine.Step()) {
      }
    }
    while (engine.Step()) {
    }
    std::vector<Outcome> outcomes;
    for (const auto& sink : sinks) {
      Outcome& outcome = outcomes.emplace_back();
      outcome.ids = sink->token_ids();
      for (const StepReport& step : sink->steps()) outcome.drafted += step.drafted;
    }
    return outcomes;
  }

  const uint64_t seed_ = 20261126;
  ModelConfig config_;
  std::vector<GenerationRequest> requests_;
};

TEST_P(Methods, WriteTheSameIds) {
  const std::vector<Outcome> plain = Run(Method::kPlain, /*together=*/false);
  for (const Outcome& outcome : plain) ASSERT_EQ(outcome.ids.size(), 40U);
  for (const Method method : {Method::kPlain, Method::kPass, Method::kTree, Method::kAuto}) {
    for (const bool together : {false, true}) {
      const std::vector<Outcome> outcomes = Run(method, together);
      int drafted = 0;
      for (int i = 0; i < kRequests; ++i) {
        drafted += outcomes[i].drafted;
        if (method == Method::kPass && !requests_[i].sampling.greedy()) continue;
        EXPECT_EQ(outcomes[i].ids, plain[i].ids)
            << MethodName(method) << ", request " << i << (together ? ", together" : ", alone");
      }
      if (method == Method::kTree || method == Method::kPass) {
        EXPECT_GT(drafted, 0) << MethodName(method);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Methods,
                         ::testing::Values(Case{testing::TinyConfig()}, Case{testing::SandwichConfig()},
                                           Case{testing::ScaledConfig()}, Case{testing::PostNormConfig()},
                                           Case{testing::TinyConfig(), WeightType::k8Bits},
                                           Case{testing::SandwichConfig(), WeightType::k4Bits},
                                           Case{testing::ScaledConfig(), WeightType::k8Bits},
                                           Case{testing::PostNormConfig(), WeightType::k4Bits}),
                         [](const auto& test) {
                           return test.param.config.architecture +
                                  std::string(kWeightTypeNames[static_cast<size_t>(test.param.weights)]);
                         });

}  // namespace
}  // namespace pass
