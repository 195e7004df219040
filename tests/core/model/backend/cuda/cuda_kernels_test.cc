// Each kernel beside ATen's operators on the same numbers: emulated on the CPU, or on the device of PASS_TEST_DEVICE. Shapes are
// those of models, odd ones, and the limits of what a kernel takes; each also runs twice, for the same bits.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/model/backend/cuda/cuda_kernel_backend.h"
#include "core/model/backend/cuda/cuda_kv_store.h"
#include "core/model/backend/cuda/kernels/emulated_kernels.h"
#include "core/model/backend/cuda/kernels/targets.h"
#include "core/model/backend/cuda/slices.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Heads {
  HeadShape shape;
  int rotary;
  int window;
  int32_t length;
};

class CudaKernels : public ::testing::Test {
 protected:
  void SetUp() override {
    cuda::emulated_kernels = &cuda::emulated::kKernels;
    const std::string device =
        testing::TestDevice().starts_with("cuda") ? testing::TestDevice() : "cuda:emulated";
    auto made = MakeBackend(device, ComputeType::kBf16);
    ASSERT_TRUE(made.ok()) << made.status();
    own_ = *std::move(made);
    if (dynamic_cast<CudaKernelBackend*>(own_.get()) == nullptr)
      GTEST_SKIP() << device << " has no kernels here";
    oracle_ = std::make_unique<CudaBackend>(own_->options(), /*recorder=*/nullptr);
    at::manual_seed(20261127);
  }

  at::TensorOptions bf16() const { return own_->options(); }
  at::TensorOptions fp32() const { return own_->options().dtype(at::kFloat); }
  at::Tensor Bf16(const std::vector<int64_t>& sizes, double scale = 1) const {
    return at::mul(at::randn(sizes, fp32()), scale).to(at::kBFloat16);
  }
  at::Tensor Fp32(const std::vector<int64_t>& sizes) const { return at::randn(sizes, fp32()); }

  // Rows of one text of `length` committed tokens: a chain of nine, of which the third is followed by another branch, then
  // look-ahead rows, and beginnings of other texts.
  std::unique_ptr<ForwardPlan> Plan(int32_t length) {
    pages_.resize(static_cast<size_t>(length / kPageTokens + 2));
    std::iota(pages_.begin(), pages_.end(), kFirstPage);
    std::shuffle(pages_.begin(), pages_.end(), std::mt19937_64(7));
    std::vector<StepRow> rows;
    for (int i = 0; i < 20; ++i) {
      const int parent = i == 9 ? 2 : i - 1;
      const int32_t position = parent < 0 ? length : rows[static_cast<size_t>(parent)].attention.position + 1;
      rows.push_back({.token = i,
                      .lookahead = i > 15 ? i - 15 : 0,
                      .wanted = true,
                      .attention = {position, parent, length, pages_.data()}});
    }
    for (int i = 0; i < 3; ++i) rows.push_back({.token = 40 + i, .wanted = true, .attention = {}});
    const SlicedPlan plan(rows);
    line_ = plan.packed[0].to(own_->options().device());
    return std::make_unique<SlicePlan>(line_, plan.slices[0].shape);
  }

  // Those with windows scale their queries too.
  RopeTables Tables(const Heads& heads) const {
    if (heads.rotary == 0) return {};
    const auto numbers = [&] { return Fp32({1024, heads.rotary / 2}); };
    return {
        .cos = numbers(), .sin = numbers(), .query_scales = heads.window > 0 ? Fp32({1024}) : at::Tensor()};
  }

  // Of the same bits twice, and close to the oracle's.
  static void ExpectClose(const at::Tensor& actual, const at::Tensor& again, const at::Tensor& expected,
                          double tolerance = 0.02) {
    EXPECT_TRUE(actual.view(at::kShort).equal(again.view(at::kShort)));
    EXPECT_TRUE(at::allclose(actual.to(at::kFloat), expected.to(at::kFloat), tolerance, tolerance,
                             /*equal_nan=*/true))
        << "largest difference "
        << (actual.to(at::kFloat) - expected.to(at::kFloat)).abs().max().item<float>();
  }

  static constexpr int32_t kFirstPage = 3;
  std::unique_ptr<Backend> own_, oracle_;
  std::vector<int32_t> pages_;
  at::Tensor line_;
};

TEST_F(CudaKernels, EmbedTokensAndLookaheads) {
  const auto plan = Plan(5);
  for (const int64_t width : {8, 576, 1031}) {
    const at::Tensor embedding = Bf16({64, width}), learned = Fp32({4, width});
    at::Tensor actual = at::zeros({kSliceRows, width}, fp32()), expected = at::zeros_like(actual);
    for (const at::Tensor& lookahead : {at::Tensor(), learned}) {
      own_->Embed(*plan, embedding, 3.5, lookahead, actual);
      oracle_->Embed(*plan, embedding, 3.5, lookahead, expected);
      EXPECT_TRUE(actual.equal(expected)) << width;
    }
  }
}

TEST_F(CudaKernels, AddAndNormalise) {
  for (const int64_t width : {4, 64, 576, 4096, 5120}) {
    SCOPED_TRACE(width);
    const at::Tensor residual = Fp32({kSliceRows, width}), delta = Bf16({kSliceRows, width}),
                     weight = Fp32({width});
    for (const bool adds : {false, true}) {
      for (const bool scales : {false, true}) {
        std::vector<at::Tensor> outs, residuals;
        for (const Backend* backend : {own_.get(), own_.get(), oracle_.get()}) {
          residuals.push_back(residual.clone());
          outs.push_back(at::empty({kSliceRows, width}, bf16()));
          backend->AddRmsNorm(residuals.back(), adds ? delta : at::Tensor(), scales ? weight : at::Tensor(),
                              1e-5, outs.back(), 0.25);
        }
        ExpectClose(outs[0], outs[1], outs[2]);
        EXPECT_TRUE(at::allclose(residuals[0], residuals[2]));
      }
    }
  }
}

TEST_F(CudaKernels, NormaliseSegments) {
  for (const auto& [segments, width] : {std::pair<int64_t, int64_t>(5, 64), {1, 576}, {3, 24}}) {
    const at::Tensor x = Bf16({kSliceRows, 16 + segments * width + 8}), weight = Fp32({width});
    std::vector<at::Tensor> outs;
    for (const Backend* backend : {own_.get(), own_.get(), oracle_.get()}) {
      outs.push_back(x.clone());
      backend->NormSegments(outs.back(), 16, segments, weight, 1e-6);
    }
    ExpectClose(outs[0], outs[1], outs[2]);
  }
}

// Inputs and outputs of SmolLM2-135M and of larger models; those of the last two have kernels with more outputs a block.
const std::vector<std::pair<int64_t, int64_t>>& Widths() {
  static const std::vector<std::pair<int64_t, int64_t>> widths = {{576, 960}, {1536, 576}, {32, 16},
                                                                  {832, 48},  {64, 2064},  {64, 4240}};
  return widths;
}

LowRank Adapter(int64_t in, int64_t out, int64_t rank) {
  std::mt19937_64 generator(in + out + rank);
  std::normal_distribution<float> values(0.0f, 1.0f / 16.0f);
  const auto matrix = [&](int64_t rows, int64_t columns) {
    Bf16Matrix made{.rows = rows, .columns = columns, .values = {}};
    for (int64_t i = 0; i < rows * columns; ++i) {
      made.values.push_back(c10::BFloat16(values(generator)).x);
    }
    return made;
  };
  return {.a = matrix(rank, in), .b = matrix(out, rank)};
}

TEST_F(CudaKernels, MultiplyRows) {
  const at::Tensor adapted = at::arange(kSliceRows, fp32()).fmod(3).eq(1).unsqueeze(1);
  for (const auto& [in, out] : Widths()) {
    for (const int64_t rank : {0, 8, 128}) {
      if (rank == 128 && in * out > 50000) continue;  // slow where it is emulated
      SCOPED_TRACE(::testing::Message() << in << " to " << out << ", rank " << rank);
      const at::Tensor x = Bf16({kSliceRows, in}),
                       weight = Bf16({out, in}, 1 / std::sqrt(static_cast<double>(in)));
      const auto linear = own_->MakeLinear(weight, std::nullopt),
                 expected = oracle_->MakeLinear(weight, std::nullopt);
      const at::Tensor bias = Fp32({out});
      for (Linear* each : {linear.get(), expected.get()}) {
        if (rank != 8) each->SetBias(bias);
        if (rank > 0) each->Adapt(Adapter(in, out, rank));
      }
      ExpectClose(linear->Multiply(x, adapted), linear->Multiply(x, adapted), expected->Multiply(x, adapted));
      EXPECT_TRUE(linear->Multiply(x).equal(linear->Multiply(x, at::zeros_like(adapted))));
      for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
        std::vector<at::Tensor> outs;
        for (Linear* each : {linear.get(), linear.get(), expected.get()}) {
          outs.push_back(at::empty({kSliceRows, out / 2}, bf16()));
          each->MultiplyGated(x, adapted, activation, outs.back());
        }
        ExpectClose(outs[0], outs[1], outs[2], 0.05);
      }
    }
  }
}

TEST_F(CudaKernels, MultiplyARowToTheSameBitsWhereverItStands) {
  for (const auto& [in, out] : Widths()) {
    const auto linear = own_->MakeLinear(Bf16({out, in}), std::nullopt);
    const at::Tensor row = Bf16({1, in});
    at::Tensor bits;
    for (const int64_t place : {0, 7, 8, 19, 31}) {
      at::Tensor x = Bf16({kSliceRows, in});
      x.narrow(0, place, 1).copy_(row);
      const at::Tensor y = linear->Multiply(x)[place].clone();
      if (!bits.defined()) bits = y;
      EXPECT_TRUE(y.equal(bits)) << in << " to " << out << ", place " << place;
    }
  }
}

TEST_F(CudaKernels, PassOnWhatIsNoNumber) {
  const auto linear = own_->MakeLinear(at::ones({16, 64}, bf16()), std::nullopt);
  at::Tensor x = at::ones({kSliceRows, 64}, bf16());
  x[3][5] = kNan;
  x[4][6] = kInfinity;
  const at::Tensor y = linear->Multiply(x).to(at::kFloat).to(at::kCPU);
  EXPECT_TRUE(y[3].isnan().all().item<bool>());
  EXPECT_TRUE(y[4].isinf().all().item<bool>());
  EXPECT_TRUE(y[5].eq(64).all().item<bool>());
}

std::vector<Heads> Shapes() {
  return {{{.heads = 9, .kv_heads = 3, .head_dim = 64}, 64, 0, 700},
          {{.heads = 14, .kv_heads = 2, .head_dim = 64}, 64, 0, 37},  // more queries than a block has
          {{.heads = 4, .kv_heads = 2, .head_dim = 128, .scale = 0.3, .softcap = 5}, 128, 40, 600},
          {{.heads = 4, .kv_heads = 1, .head_dim = 256}, 64, 11, 30},
          {{.heads = 2, .kv_heads = 2, .head_dim = 24}, 0, 0, 0}};
}

TEST_F(CudaKernels, RotateSplitAndAttend) {
  for (const Heads& heads : Shapes()) {
    const HeadShape& shape = heads.shape;
    SCOPED_TRACE(::testing::Message() << shape.heads << " heads of " << shape.head_dim);
    const auto plan = Plan(heads.length);
    const int64_t slots = (kFirstPage + std::ssize(pages_)) * kPageTokens;
    const RopeTables tables = Tables(heads);
    const at::Tensor qkv = Bf16({kSliceRows, (shape.heads + 2 * shape.kv_heads) * shape.head_dim});
    const at::Tensor keys = Bf16({slots, shape.kv_heads, shape.head_dim}), values = Bf16(keys.sizes().vec());
    std::vector<at::Tensor> queries, outs;
    std::vector<KvLayer> layers;
    for (const Backend* backend : {own_.get(), own_.get(), oracle_.get()}) {
      queries.push_back(at::empty({kSliceRows, shape.heads, shape.head_dim}, fp32()));
      layers.push_back(
          {.page_keys = keys.clone(), .page_values = values.clone(), .row_keys = {}, .row_values = {}});
      outs.push_back(at::empty({kSliceRows, shape.heads * shape.head_dim}, bf16()));
      backend->RopeSplit(qkv, tables, *plan, shape, queries.back(), layers.back());
      backend->Attention(*plan, shape, heads.window, queries.back(), layers.back(), outs.back());
    }
    EXPECT_TRUE(at::allclose(queries[0], queries[2], 1e-4, 1e-5));
    ExpectClose(layers[0].page_keys, layers[1].page_keys, layers[2].page_keys, 1e-2);
    EXPECT_TRUE(layers[0].page_values.equal(layers[2].page_values));
    ExpectClose(outs[0], outs[1], outs[2]);
  }
}

TEST_F(CudaKernels, ProjectHeadsAsAProductAndASplitDo) {
  const at::Tensor adapted = at::arange(kSliceRows, fp32()).fmod(3).eq(1).unsqueeze(1);
  for (const Heads& heads : Shapes()) {
    const HeadShape& shape = heads.shape;
    SCOPED_TRACE(::testing::Message() << shape.heads << " heads of " << shape.head_dim);
    const auto plan = Plan(heads.length);
    const int64_t slots = (kFirstPage + std::ssize(pages_)) * kPageTokens;
    const int64_t out = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    const RopeTables tables = Tables(heads);
    const at::Tensor x = Bf16({kSliceRows, 96});
    const auto linear = own_->MakeLinear(Bf16({out, 96}, 0.1), std::nullopt);
    linear->SetBias(Fp32({out}));
    linear->Adapt(Adapter(96, out, 16));
    for (const bool adapts : {false, true}) {
      plan->adapted = adapts ? adapted : at::Tensor();
      std::vector<at::Tensor> queries;
      std::vector<KvLayer> layers;
      for (const bool at_once : {true, false}) {
        queries.push_back(at::empty({kSliceRows, shape.heads, shape.head_dim}, fp32()));
        const at::Tensor store = at::zeros({slots, shape.kv_heads, shape.head_dim}, bf16());
        layers.push_back(
            {.page_keys = store, .page_values = store.clone(), .row_keys = {}, .row_values = {}});
        if (at_once) {
          own_->ProjectHeads(*linear, x, tables, *plan, shape, queries.back(), layers.back());
        } else {
          own_->RopeSplit(linear->Multiply(x, plan->adapted), tables, *plan, shape, queries.back(),
                          layers.back());
        }
      }
      EXPECT_TRUE(at::allclose(queries[0], queries[1], 1e-5, 1e-5));
      EXPECT_TRUE(
          at::allclose(layers[0].page_keys.to(at::kFloat), layers[1].page_keys.to(at::kFloat), 1e-2, 1e-2));
      EXPECT_TRUE(layers[0].page_values.equal(layers[1].page_values));
    }
  }
}

TEST_F(CudaKernels, FindTheBestTokensWithManyTies) {
  for (const int64_t vocab : {8, 96, 1032, 49152}) {
    for (const int count : {1, 128, 512}) {
      // Both zeros, and numbers that bf16 cannot tell apart; then rows whose tokens are all alike, or whose best lie together.
      at::Tensor logits =
          at::mul(at::round(at::mul(at::randn({kSliceRows, vocab}, fp32()), 3)), 0.5).to(at::kBFloat16);
      logits[1].fill_(-2.5);
      logits[2].narrow(0, vocab / 2, vocab / 4).fill_(9.0);
      logits[3].copy_(at::arange(vocab, fp32()));
      logits[4][vocab / 3] = kNan;
      logits[5][vocab / 3] = kInfinity;
      logits[6].fill_(-kInfinity);
      logits[7][vocab / 3] = -kInfinity;
      const at::Tensor actual = own_->BestKeys(logits, count, 0).to(at::kCPU);
      const at::Tensor expected = oracle_->BestKeys(logits, count, 0).to(at::kCPU);
      ASSERT_EQ(actual.sizes(), expected.sizes());
      for (int64_t row = 0; row < kSliceRows; ++row) {
        if (row == 4 || row == 5 || row == 6) {
          EXPECT_EQ(actual[row][-1].item<int64_t>(), 0) << row;
        } else {
          EXPECT_TRUE(actual[row].equal(expected[row])) << "row " << row << ", " << count << " of " << vocab;
        }
      }
    }
  }
}

}  // namespace
}  // namespace pass
