#include "core/model/lookahead/lookahead_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/files/dequantize.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr const char kEmbeddings[] = "lookahead.embeddings";
constexpr const char kAdapter[] = "adapter.";
constexpr const char kHead[] = "head.";
constexpr const char kW1[] = "head.w1";
constexpr const char kW2[] = "head.w2";
constexpr const char kFrequent[] = "head.frequent_tokens";
constexpr int64_t kAnySize = -1;  // 1 or more, the file's choice

std::string AdapterName(int layer, const AdaptedLinear& linear, const char* factor) {
  return absl::StrCat(kAdapter, layer, ".", linear.name, ".", factor);
}

std::string ShapeText(std::span<const int64_t> shape) {
  return absl::StrCat("[",
                      absl::StrJoin(shape, ", ",
                                    [](std::string* out, int64_t size) {
                                      absl::StrAppend(out, size == kAnySize ? "any" : absl::StrCat(size));
                                    }),
                      "]");
}

// The file's tensors by name.
class Tensors {
 public:
  explicit Tensors(const SafetensorsFile& file) : path_(file.path()) {
    for (const TensorView& tensor : file.tensors()) by_name_.emplace(tensor.name, &tensor);
  }

  absl::Status Error(std::string_view name, const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": tensor ", Printable(name), " ", what));
  }

  bool HasSome(std::string_view prefix) const {
    const auto first = by_name_.lower_bound(prefix);
    return first != by_name_.end() && first->first.starts_with(prefix);
  }

  absl::Status RefuseOthers(const std::set<std::string, std::less<>>& known) const {
    for (const auto& [name, tensor] : by_name_) {
      if (!known.contains(name))
        return Error(name, "is unknown to this program; use a program of the file's version");
    }
    return absl::OkStatus();
  }

  // A tensor of this type and shape; `whose`: where the shape is from, `cure`: what to do if it is another.
  absl::StatusOr<const TensorView*> Find(std::string_view name, TensorType type,
                                         std::span<const int64_t> shape, const char* whose,
                                         const char* cure) const {
    const auto entry = by_name_.find(name);
    if (entry == by_name_.end()) return Error(name, "is missing; write the file again");
    const TensorView& tensor = *entry->second;
    if (tensor.type != type) {
      return Error(name, absl::StrCat("is of dtype ", std::string(TensorTypeName(tensor.type)), ", not ",
                                      std::string(TensorTypeName(type)), "; write the file again"));
    }
    const bool fits = std::ranges::equal(tensor.shape, shape, [](int64_t actual, int64_t wanted) {
      return wanted == kAnySize ? actual >= 1 : actual == wanted;
    });
    if (!fits) {
      return Error(name, absl::StrCat("has shape ", ShapeText(tensor.shape), ", ", whose, " ",
                                      ShapeText(shape), "; ", cure));
    }
    return &tensor;
  }

  absl::StatusOr<Bf16Matrix> ReadMatrix(std::string_view name, int64_t rows, int64_t columns) const {
    PASS_ASSIGN_OR_RETURN(const TensorView* tensor,
                          Find(name, TensorType::kBF16, std::vector<int64_t>{rows, columns},
                               "the model asks for", "use look-ahead tokens learned on this model"));
    Bf16Matrix matrix{.rows = tensor->shape[0], .columns = tensor->shape[1], .values = {}};
    matrix.values.resize(tensor->data.size() / sizeof(uint16_t));
    std::memcpy(matrix.values.data(), tensor->data.data(), tensor->data.size());
    constexpr uint16_t kExponent = 0x7f80;
    if (std::ranges::any_of(matrix.values, [](uint16_t bits) { return (bits & kExponent) == kExponent; })) {
      return NotFinite(name);
    }
    return matrix;
  }

  absl::Status NotFinite(std::string_view name) const {
    return Error(name, "holds infinite values or NaNs; learn or download the tokens again");
  }

 private:
  std::string path_;
  std::map<std::string_view, const TensorView*, std::less<>> by_name_;
};

std::set<std::string, std::less<>> KnownNames(const ModelConfig& config) {
  std::set<std::string, std::less<>> names = {kEmbeddings, kW1, kW2, kFrequent};
  for (int layer = 0; layer < config.num_layers; ++layer) {
    for (const AdaptedLinear& linear : AdaptedLinears(config)) {
      names.insert(AdapterName(layer, linear, "a"));
      names.insert(AdapterName(layer, linear, "b"));
    }
  }
  return names;
}

absl::StatusOr<std::vector<float>> ReadEmbeddings(const Tensors& tensors, const LookaheadFacts& facts) {
  const std::vector<int64_t> shape = {facts.num_lookahead, facts.width};
  PASS_ASSIGN_OR_RETURN(const TensorView* view, tensors.Find(kEmbeddings, TensorType::kF32, shape,
                                                             "its metadata says", "write the file again"));
  std::vector<float> values(static_cast<size_t>(facts.num_lookahead * facts.width));
  Dequantize(view->type, view->data, values);
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
    return tensors.NotFinite(kEmbeddings);
  }
  return values;
}

absl::StatusOr<std::vector<LayerAdapter>> ReadAdapter(const Tensors& tensors, const ModelConfig& config) {
  std::vector<LayerAdapter> layers(static_cast<size_t>(config.num_layers));
  for (int layer = 0; layer < config.num_layers; ++layer) {
    for (const AdaptedLinear& linear : AdaptedLinears(config)) {
      LowRank& weights = layers[static_cast<size_t>(layer)].*linear.adapter;
      PASS_ASSIGN_OR_RETURN(weights.a,
                            tensors.ReadMatrix(AdapterName(layer, linear, "a"), kAnySize, linear.in));
      PASS_ASSIGN_OR_RETURN(weights.b,
                            tensors.ReadMatrix(AdapterName(layer, linear, "b"), linear.out, weights.a.rows));
    }
  }
  return layers;
}

absl::StatusOr<LookaheadHead> ReadHead(const Tensors& tensors, const ModelConfig& config) {
  LookaheadHead head;
  PASS_ASSIGN_OR_RETURN(head.w1, tensors.ReadMatrix(kW1, kAnySize, 2 * config.width));
  PASS_ASSIGN_OR_RETURN(head.w2, tensors.ReadMatrix(kW2, config.width, head.w1.rows));
  PASS_ASSIGN_OR_RETURN(const TensorView* frequent,
                        tensors.Find(kFrequent, TensorType::kI32, std::vector<int64_t>{kAnySize},
                                     "this program reads", "write the file again"));
  std::vector<int32_t>& ids = head.frequent_tokens;
  ids.resize(frequent->data.size() / sizeof(int32_t));
  std::memcpy(ids.data(), frequent->data.data(), frequent->data.size());
  const bool ascending = std::ranges::adjacent_find(ids, std::greater_equal<>()) == ids.end();
  if (!ascending || ids.front() < 0 || ids.back() >= config.vocab_size) {
    return tensors.Error(kFrequent, absl::StrCat("is not ascending within the vocabulary of ",
                                                 config.vocab_size, "; write the file again"));
  }
  return head;
}

std::span<const std::byte> Bytes(const Bf16Matrix& matrix) { return std::as_bytes(std::span(matrix.values)); }

TensorView ViewOf(std::string name, const Bf16Matrix& matrix) {
  return {.name = std::move(name),
          .type = TensorType::kBF16,
          .shape = {matrix.rows, matrix.columns},
          .data = Bytes(matrix)};
}

// Names of an adapter's linears do not depend on its sizes.
void AddAdapterViews(const std::vector<LayerAdapter>& adapter, std::vector<TensorView>& views) {
  for (size_t layer = 0; layer < adapter.size(); ++layer) {
    for (const AdaptedLinear& linear : AdaptedLinears({})) {
      const LowRank& weights = adapter[layer].*linear.adapter;
      views.push_back(ViewOf(AdapterName(static_cast<int>(layer), linear, "a"), weights.a));
      views.push_back(ViewOf(AdapterName(static_cast<int>(layer), linear, "b"), weights.b));
    }
  }
}

}  // namespace

std::array<AdaptedLinear, 4> AdaptedLinears(const ModelConfig& config) {
  const int64_t q_width = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_kv_heads} * config.head_dim;
  return {{{"qkv", &LayerAdapter::qkv, q_width + 2 * kv_width, config.width},
           {"attention_out", &LayerAdapter::attention_out, config.width, q_width},
           {"gate_up", &LayerAdapter::gate_up, 2 * config.ffn_width, config.width},
           {"down", &LayerAdapter::down, config.width, config.ffn_width}}};
}

absl::Status ReadLookaheadTensors(const SafetensorsFile& file, const ModelConfig& config,
                                  LookaheadTokens& tokens) {
  const Tensors tensors(file);
  PASS_RETURN_IF_ERROR(tensors.RefuseOthers(KnownNames(config)));
  PASS_ASSIGN_OR_RETURN(tokens.embeddings, ReadEmbeddings(tensors, tokens.facts));
  if (tensors.HasSome(kAdapter)) {
    PASS_ASSIGN_OR_RETURN(tokens.adapter, ReadAdapter(tensors, config));
  }
  if (tensors.HasSome(kHead)) {
    PASS_ASSIGN_OR_RETURN(tokens.head, ReadHead(tensors, config));
  }
  return absl::OkStatus();
}

absl::Status WriteLookaheadTensors(const std::string& path,
                                   const std::map<std::string, std::string, std::less<>>& metadata,
                                   const LookaheadTokens& tokens) {
  std::vector<TensorView> views = {{.name = kEmbeddings,
                                    .type = TensorType::kF32,
                                    .shape = {tokens.facts.num_lookahead, tokens.facts.width},
                                    .data = std::as_bytes(std::span(tokens.embeddings))}};
  AddAdapterViews(tokens.adapter, views);
  if (tokens.head) {
    const std::vector<int32_t>& frequent = tokens.head->frequent_tokens;
    views.push_back(ViewOf(kW1, tokens.head->w1));
    views.push_back(ViewOf(kW2, tokens.head->w2));
    views.push_back({.name = kFrequent,
                     .type = TensorType::kI32,
                     .shape = {static_cast<int64_t>(frequent.size())},
                     .data = std::as_bytes(std::span(frequent))});
  }
  return WriteSafetensors(path, metadata, views);
}

}  // namespace pass
