#include "server/vllm_metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pass {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Series that are the same but for the name.
constexpr std::pair<std::string_view, std::string_view> kRenamed[] = {
    {"pass_requests_running", "vllm:num_requests_running"},
    {"pass_requests_waiting", "vllm:num_requests_waiting"},
    {"pass_kv_cache_usage_ratio", "vllm:kv_cache_usage_perc"},
    {"pass_prompt_tokens_total", "vllm:prompt_tokens_total"},
    {"pass_generated_tokens_total", "vllm:generation_tokens_total"},
    {"pass_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
    {"pass_inter_token_seconds", "vllm:inter_token_latency_seconds"},
    {"pass_request_seconds", "vllm:e2e_request_latency_seconds"},
    {"pass_queue_seconds", "vllm:request_queue_time_seconds"},
    {"pass_prefill_seconds", "vllm:request_prefill_time_seconds"},
    {"pass_prompt_length_tokens", "vllm:request_prompt_tokens"},
    {"pass_generated_length_tokens", "vllm:request_generation_tokens"},
};

class Aliases {
 public:
  explicit Aliases(const std::vector<MetricFamily>& families) {
    for (const MetricFamily& family : families) by_name_[family.name] = &family;
    if (const MetricFamily* info = Find("pass_build_info"); info != nullptr && !info->metric.empty()) {
      for (const auto& label : info->metric[0].label) {
        if (label.name == "model") model_ = label.value;
      }
    }
  }

  std::vector<MetricFamily> Take() {
    for (const auto& [own, name] : kRenamed) Rename(own, name);
    Outcomes();
    Sum("pass_draft_tokens_total", "vllm:spec_decode_num_draft_tokens_total");
    Sum("pass_accepted_tokens_total", "vllm:spec_decode_num_accepted_tokens_total");
    Drafts();
    Positions();
    CacheConfig();
    return std::move(made_);
  }

 private:
  const MetricFamily* Find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  MetricFamily& Add(std::string_view name, std::string help, MetricType type) {
    made_.push_back({.name = std::string(name), .help = std::move(help), .type = type, .metric = {}});
    return made_.back();
  }

  // What every series of vLLM carries.
  std::vector<ClientMetric::Label> Labels(std::string name = "", std::string value = "") const {
    std::vector<ClientMetric::Label> labels = {{"engine", "0"}, {"model_name", model_}};
    if (!name.empty()) labels.push_back({std::move(name), std::move(value)});
    return labels;
  }

  void AddCounter(MetricFamily& family, double value, std::vector<ClientMetric::Label> labels) const {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    family.metric.push_back(std::move(metric));
  }

  void Rename(std::string_view own, std::string_view name) {
    const MetricFamily* family = Find(own);
    if (family == nullptr) return;
    MetricFamily& alias = Add(name, family->help, family->type);
    alias.metric = family->metric;
    for (ClientMetric& metric : alias.metric) metric.label = Labels();
  }

  void Sum(std::string_view own, std::string_view name) {
    const MetricFamily* family = Find(own);
    if (family == nullptr) return;
    double sum = 0;
    for (const ClientMetric& metric : family->metric) sum += metric.counter.value;
    AddCounter(Add(name, family->help, MetricType::Counter), sum, Labels());
  }

  // A request that was cancelled or ran into its deadline is "abort" there.
  void Outcomes() {
    const MetricFamily* family = Find("pass_requests_total");
    if (family == nullptr) return;
    std::map<std::string, double> by_reason;
    for (const ClientMetric& metric : family->metric) {
      const std::string& outcome = metric.label[0].value;
      const bool aborted = outcome == "cancelled" || outcome == "deadline";
      by_reason[aborted ? "abort" : outcome] += metric.counter.value;
    }
    MetricFamily& alias = Add("vllm:request_success_total", family->help, MetricType::Counter);
    for (const auto& [reason, count] : by_reason) AddCounter(alias, count, Labels("finished_reason", reason));
  }

  void Drafts() {
    const MetricFamily* family = Find("pass_accepted_tokens_per_step");
    if (family == nullptr || family->metric.empty()) return;
    AddCounter(
        Add("vllm:spec_decode_num_drafts_total", "Validation steps that had drafts", MetricType::Counter),
        static_cast<double>(family->metric[0].histogram.sample_count), Labels());
  }

  void Positions() {
    const MetricFamily* family = Find("pass_accepted_tokens_by_position_total");
    if (family == nullptr) return;
    MetricFamily& alias =
        Add("vllm:spec_decode_num_accepted_tokens_per_pos_total", family->help, MetricType::Counter);
    for (const ClientMetric& metric : family->metric) {
      int position = 0;
      if (!absl::SimpleAtoi(metric.label[0].value, &position)) continue;
      AddCounter(alias, metric.counter.value, Labels("position", absl::StrCat(position - 1)));
    }
  }

  void CacheConfig() {
    const MetricFamily* family = Find("pass_kv_cache_info");
    if (family == nullptr || family->metric.empty()) return;
    ClientMetric metric;
    metric.label = Labels();
    for (const auto& label : family->metric[0].label) {
      metric.label.push_back({label.name == "page_tokens" ? "block_size" : "num_gpu_blocks", label.value});
    }
    metric.gauge.value = 1;
    Add("vllm:cache_config_info", family->help, MetricType::Gauge).metric.push_back(std::move(metric));
  }

  std::map<std::string, const MetricFamily*, std::less<>> by_name_;
  std::string model_;
  std::vector<MetricFamily> made_;
};

}  // namespace

std::vector<MetricFamily> VllmMetrics::Collect() const {
  std::vector<MetricFamily> families = own_->Collect();
  std::vector<MetricFamily> aliases = Aliases(families).Take();
  families.insert(families.end(), std::make_move_iterator(aliases.begin()),
                  std::make_move_iterator(aliases.end()));
  return families;
}

}  // namespace pass
