// The closed loop: does `auto` find out by itself how many rows pay? A model whose drafts are as good as those of
// trained look-ahead tokens, on a clock that forwards and proposals move as they do on a real machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <vector>

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

constexpr int kVocabulary = 256;
constexpr int32_t kTokens = 300;
constexpr double kProposeSeconds = 1.0e-4;

// Milliseconds of a forward of 1, 2, 4, ... rows: SmolLM2-135M in bf16 on two cores.
double ForwardSeconds(size_t rows) {
  constexpr std::pair<double, double> kCosts[] = {{1, 6.65},  {2, 6.85},  {4, 7.30},  {6, 8.01},  {8, 9.47},
                                                  {12, 10.9}, {16, 12.9}, {24, 17.5}, {32, 21.4}, {544, 300}};
  const double n = static_cast<double>(rows);
  for (size_t i = 1; i < std::size(kCosts); ++i) {
    const auto [right, b] = kCosts[i];
    const auto [left, a] = kCosts[i - 1];
    if (n <= right) return 1e-3 * (a + (b - a) * (n - left) / (right - left));
  }
  return 1.0;
}

uint64_t Hash(uint64_t a, uint64_t b) {
  uint64_t x = (a + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9 ^ (b + 0x94D049BB133111EB) * 0xD6E8FEB86659FD93;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93;
  return x ^ (x >> 32);
}

double Uniform(uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

std::vector<TokenId> RandomScript() {
  std::mt19937 random(3);
  std::vector<TokenId> script(2000);
  for (TokenId& token : script) token = static_cast<TokenId>(random() % (kVocabulary - 1));
  return script;
}

// A head that gives the next token the probability that it deserves: nearly certain at some places, doubtful at
// others; right about this often by depth.
DraftFunction Head(const std::vector<TokenId>& script, const std::vector<double>& right_by_depth) {
  return [=](std::span<const TokenId> context, int lookahead, std::span<const TokenId> path,
             std::span<float> logits) {
    const size_t first = context.size() + lookahead - 1;
    const size_t index = first + path.size();
    bool on_script = true;
    for (size_t i = 0; i < path.size(); ++i) on_script &= path[i] == script[first + i];
    const size_t depth = std::min(lookahead - 1 + path.size(), right_by_depth.size()) - 1;
    const double share = std::max(0.0, (right_by_depth[depth] - 0.25) / (0.95 - 0.25));
    const uint64_t place = Hash(index, context.size());
    const double certain = Uniform(place) < share ? 0.95 : 0.25;
    // The candidates: the truth is the first with this probability, else the second or third or none of them.
    const double where = Uniform(Hash(place, on_script ? 1 : path.back()));
    const bool never = !on_script || right_by_depth[depth] == 0;
    int truth = 3;
    if (!never && where < certain + (1 - certain) * 0.6) truth = 2;
    if (!never && where < certain + (1 - certain) * 0.4) truth = 1;
    if (!never && where < certain) truth = 0;
    for (float& logit : logits) logit = -12.0f;
    const double weights[] = {certain, (1 - certain) * 0.4, (1 - certain) * 0.2, (1 - certain) * 0.1};
    for (int i = 0; i < 4; ++i) {
      const auto other = static_cast<TokenId>(Hash(place, 100 + i) % (kVocabulary - 1));
      logits[i == truth && !never ? script[index] : other] = static_cast<float>(std::log(weights[i]));
    }
  };
}

struct Run {
  double seconds = 0;
  double rows_per_forward = 0;
  std::vector<ForwardReport> forwards;
};

// `rounds` of `batch` requests one after the other; the last round counts.
Run Generate(Method method, int batch, const std::vector<double>& right_by_depth, int rounds = 2) {
  RigOptions options;
  options.model = {.vocab_size = kVocabulary,
                   .context_length = 1024,
                   .num_lookahead = 4,
                   .page_tokens = 16,
                   .total_pages = 2000,
                   .shortlist_size = 64};
  options.engine.measuring_time = absl::Seconds(5);
  options.end_of_sequence_ids = {kVocabulary - 1};
  const std::vector<TokenId> script = RandomScript();
  EngineRig rig(options, ScriptedLogits(script), Head(script, right_by_depth));
  int calls = 0;
  rig.model.OnForward([&](std::span<const Row> rows) {
    rig.clock.Advance(absl::Seconds(ForwardSeconds(rows.size()) +
                                    kProposeSeconds * (rig.model.num_propose_calls() - calls)));
    calls = rig.model.num_propose_calls();
    return absl::OkStatus();
  });
  rig.engine.Prepare();
  Run run;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < batch; ++i) {
      GenerationRequest request = Request("", kTokens, method);
      request.prompt.assign(script.begin() + 0, script.begin() + 3 + 37 * i);
      request.ignore_eos = true;
      rig.Submit(std::move(request));
    }
    const absl::Time start = rig.clock.Now();
    rig.observer.forwards.clear();
    rig.Run();
    run.seconds = absl::ToDoubleSeconds(rig.clock.Now() - start);
    run.rows_per_forward = 0;
    run.forwards = rig.observer.forwards;
    for (const ForwardReport& forward : rig.observer.forwards) {
      run.rows_per_forward += static_cast<double>(forward.decode_rows) / rig.observer.forwards.size();
    }
  }
  return run;
}

double SpeedUp(Method method, int batch, const std::vector<double>& right_by_depth, int rounds = 2) {
  const Run plain = Generate(Method::kPlain, batch, right_by_depth, /*rounds=*/1);
  const Run run = Generate(method, batch, right_by_depth, rounds);
  std::printf("%s, batch %d: %.3f times plain, %.1f rows a forward\n",
              std::string(MethodName(method)).c_str(), batch, plain.seconds / run.seconds,
              run.rows_per_forward);
  return plain.seconds / run.seconds;
}

const std::vector<double> kTrained = {0.72, 0.6, 0.5, 0.4};
const std::vector<double> kUseless = {0.0};

TEST(SpeculationSpeed, IsAboutTwiceAsFastAlone) {
  EXPECT_GT(SpeedUp(Method::kTree, 1, kTrained), 1.9);
  EXPECT_GT(SpeedUp(Method::kAuto, 1, kTrained), 1.9);
  EXPECT_GT(SpeedUp(Method::kAuto, 1, kTrained, /*rounds=*/1), 1.8);
}

TEST(SpeculationSpeed, StillPaysInABatch) {
  EXPECT_GT(SpeedUp(Method::kAuto, 4, kTrained), 1.2);
  EXPECT_GT(SpeedUp(Method::kAuto, 8, kTrained), 1.05);
  EXPECT_GT(SpeedUp(Method::kAuto, 16, kTrained), 0.98);
}

TEST(SpeculationSpeed, IsNeverMuchSlowerThanPlain) {
  for (const int batch : {1, 8}) {
    EXPECT_GT(SpeedUp(Method::kAuto, batch, kUseless), 0.98);
    EXPECT_GT(SpeedUp(Method::kAuto, batch, kUseless, /*rounds=*/1), 0.95);
    EXPECT_GT(SpeedUp(Method::kTree, batch, kUseless), 0.95);
  }
}

// A tree that has just rested has nothing to draft from, and shows nothing of what trees bring.
TEST(SpeculationSpeed, JudgesNoTreeByTheFirstForwardBehindARest) {
  const std::vector<ForwardReport> forwards = Generate(Method::kAuto, 16, kTrained, /*rounds=*/4).forwards;
  int behind = 0;
  for (size_t i = 1; i < forwards.size(); ++i) {
    if (!forwards[i - 1].auto_rests || forwards[i - 1].kind != KindOf(Method::kPlain)) continue;
    if (forwards[i].auto_rests || forwards[i].prefill_rows > 0 || forwards[i].kind == KindOf(Method::kPlain))
      continue;
    EXPECT_EQ(forwards[i].kind, ForwardKind::kMixed) << "forward " << i;
    EXPECT_FALSE(forwards[i].control);
    ++behind;
  }
  EXPECT_GE(behind, 1);
}

}  // namespace
}  // namespace pass
