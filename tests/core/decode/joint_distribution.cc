#include "tests/core/decode/joint_distribution.h"

#include <iterator>
#include <vector>

#include "core/sampling/filters.h"
#include "tests/core/decode/decode_loop.h"
#include "tests/support/chi_square.h"

namespace pass {
namespace {

constexpr int32_t kContextLength = 64;
constexpr TokenId kPrompt[] = {1};

// The probability of every sequence of num_tokens tokens; a sequence is a number in base vocab_size.
std::vector<double> EnumeratedJoint(const JointCase& test) {
  const LogitsFunction logits_function = RandomLogits(test.logits);
  std::vector<double> joint;
  std::vector<TokenId> context(std::begin(kPrompt), std::end(kPrompt));
  std::vector<float> logits(test.vocab_size);
  const std::function<void(int, double)> extend = [&](int remaining, double probability) {
    if (remaining == 0) {
      joint.push_back(probability);
      return;
    }
    logits_function(context, /*lookahead=*/0, logits);
    const Distribution next = Filter(logits, test.sampling).value();
    for (TokenId token = 0; token < test.vocab_size; ++token) {
      context.push_back(token);
      extend(remaining - 1, probability * next.ProbabilityOf(token));
      context.pop_back();
    }
  };
  extend(test.num_tokens, 1.0);
  return joint;
}

}  // namespace

TableModel JointModel(const JointCase& test) {
  return TableModel({.vocab_size = test.vocab_size,
                     .context_length = kContextLength,
                     .num_lookahead = test.lookahead,
                     .shortlist_size = test.shortlist_size},
                    RandomLogits(test.logits),
                    test.agreement < 0 ? nullptr : RandomDrafts(test.logits, test.agreement));
}

double JointDeviation(const JointCase& test, const MakeDecoder& make_decoder) {
  const std::vector<double> joint = EnumeratedJoint(test);
  std::vector<int64_t> counts(joint.size());
  TableModel model = JointModel(test);
  SamplingOptions sampling = test.sampling;
  double deviation = 0;
  for (int i = 0; i < test.seeds; ++i) {
    sampling.seed = kJointSeedBase + i;
    const std::unique_ptr<Decoder> decoder = make_decoder(test.lookahead, model.info());
    size_t sequence = 0;
    for (TokenId token : Decode(model, *decoder, sampling, kPrompt, test.num_tokens).tokens) {
      sequence = sequence * test.vocab_size + token;
    }
    ++counts[sequence];
    if ((i + 1) % 10'000 == 0) deviation = ChiSquareDeviation(counts, joint);
    if (deviation > 4 * kChiSquareLimit) break;
  }
  return deviation;
}

}  // namespace pass
