// Everything of a model that knows its device: packed weights, the layout of keys and values, what a forward needs of its rows,
// and the operators of a layer. The step itself is written once, in transformer.cc, over this interface.
//
// `cpu` (backend/cpu) has own kernels. `aten` (backend/aten) has the same in ATen's operators: any device, and the oracle of
// the tests. `cuda` (backend/cuda) has ATen's operators at fixed shapes, recorded once and replayed.
//
// Shapes: R rows of a forward, d the width of the residual stream. Tensors are contiguous and on the device; T is the compute
// type, bf16 or fp32. Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/checkpoint/checkpoint.h"
#include "core/kernels/attention_plan.h"
#include "core/kernels/quantized.h"
#include "core/model/backend/attention_shapes.h"
#include "core/model/backend/draft_head.h"
#include "core/model/backend/kv_store.h"
#include "core/model/backend/linear.h"
#include "core/model/load.h"

namespace pass {

// A row of a forward.
struct StepRow {
  TokenId token = 0;
  int lookahead = 0;    // 1 to L: that look-ahead token in place of `token`
  bool wanted = false;  // whether its output is read
  AttentionRow attention;
  // Positions that the pages of its sequence have. A row may write to its own, since only committed ones are read.
  int32_t room = 0;
};

// What the layers of one forward need of its rows, on the device. A backend's own plans hold more.
struct ForwardPlan {
  virtual ~ForwardPlan() = default;

  at::Tensor positions;  // int32 or int64 [R]
  at::Tensor adapted;    // the look-ahead rows, as this backend's linears take them
  at::Tensor wanted;     // int64: the rows whose output is read, ascending
};

// What a step leaves of the wanted rows, in their order; undefined where there are none.
struct StepOutputs {
  at::Tensor states;  // T [wanted, d], the output of the final norm
  at::Tensor logits;  // T [wanted, vocab]
  at::Tensor best;    // what Backend::BestKeys makes of them
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Compute type and device.
  const at::TensorOptions& options() const { return options_; }

  // Of the device's own memory, what nothing holds. None: it computes in the machine's.
  virtual std::optional<int64_t> FreeBytes() const { return std::nullopt; }

  // What it cannot compute, INVALID_ARGUMENT: a model's shape, in words that go behind the model's path, and weights of this
  // type, with flag and cure.
  virtual absl::Status CheckShape(const ModelConfig& config) const = 0;
  virtual absl::Status CheckWeights(WeightType type) const = 0;

  // Made while a model is loaded, by any thread. `weight`: T [out, in] on the device; `form`: rounded to it, where CheckWeights allows
  // that.
  virtual std::unique_ptr<Linear> MakeLinear(const at::Tensor& weight,
                                             std::optional<kernels::QuantizedForm> form) const = 0;
  // Matrices with the same input, joined, with the codes of their file. nullptr: they cannot be kept so.
  virtual std::unique_ptr<Linear> MakeStoredLinear(std::span<const StoredRows> matrices, int64_t in) const;
  // `embedding`, `lm_head`: T [vocab, d] on the device; kept.
  virtual std::unique_ptr<DraftHead> MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                                   const at::Tensor& lm_head) const = 0;
  virtual std::unique_ptr<KvStore> MakeKvStore(const ModelConfig& config, int64_t pages,
                                               int max_rows) const = 0;

  // Parents come before their children. The page tables are borrowed until the forward ends.
  virtual std::unique_ptr<ForwardPlan> Plan(std::span<const StepRow> rows) const = 0;

  // The step of a model on a plan of this backend. It reads nothing but the plan, the weights and its own buffers, and is the
  // same function at every call.
  using Step = std::function<StepOutputs(const ForwardPlan&)>;
  // Runs it: as a whole, in parts, or by doing again what an earlier call of the same shape did to the device.
  virtual StepOutputs Run(const ForwardPlan& plan, const Step& step);
  // Rows that a plan has at least, if need be beyond those that it was asked for.
  virtual int64_t least_rows() const { return 1; }

  // residual fp32 [R, d] = the rows' inputs. `embedding`: T [vocab, d], times `multiplier`; `lookahead`: fp32 [L, d], or
  // undefined.
  virtual void Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
                     const at::Tensor& lookahead, at::Tensor& residual) const = 0;
  // residual fp32 [R, d] += multiplier * delta T [R, d] (delta may be undefined); then
  // out T [R, d] = residual / rms(residual) * weight, or the residual where weight is undefined.
  virtual void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                          double epsilon, at::Tensor& out, double multiplier) const = 0;
  // x T [R, stride], in place: each of `segments` parts of a row, side by side from element `first` and as wide as weight, is
  // normalised as above.
  virtual void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                            double epsilon) const = 0;
  // qkv T [R, (heads + 2 kv_heads) * head_dim] to rotated, scaled queries fp32 [R, heads, head_dim], and to the rotated keys
  // and values of the store's rows.
  virtual void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                         const HeadShape& shape, at::Tensor& query, KvLayer& layer) const = 0;
  // The heads of x T [R, d] by `qkv`, as RopeSplit leaves them.
  virtual void ProjectHeads(const Linear& qkv, const at::Tensor& x, const RopeTables& tables,
                            const ForwardPlan& plan, const HeadShape& shape, at::Tensor& query,
                            KvLayer& layer) const;
  // out T [R, heads * head_dim]. `window`: positions that a row reads, its own included; 0: all.
  virtual void Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window,
                         const at::Tensor& query, const KvLayer& layer, at::Tensor& out) const = 0;

  // Of logits T [wanted, vocab] the best `count`, as backend/best_tokens.h; undefined: the host reads the logits as they are.
  virtual at::Tensor BestKeys(const at::Tensor& /*logits*/, int /*count*/, double /*softcap*/) const {
    return {};
  }

 protected:
  explicit Backend(const at::TensorOptions& options) : options_(options) {}

 private:
  at::TensorOptions options_;
};

// By the name of a device: "cpu", "cuda" or "cuda:1"; and for tests, all slow: "aten:cpu" and "aten:cuda" for ATen's operators
// there, "cuda:library" for the cuda backend without kernels of its own, and on the CPU "cuda:mock" for that one and
// "cuda:emulated" for the one with kernels, in programs that have their emulation. INVALID_ARGUMENT: this LibTorch has no such
// device.
absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(const std::string& device, ComputeType type);

}  // namespace pass
