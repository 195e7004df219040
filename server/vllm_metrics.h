// The series of a registry, and behind them those that have the same meaning in vLLM, under vLLM's names: so that its
// boards, autoscaling recipes and endpoint pickers work unchanged. Names and labels: vLLM's documentation, "Metrics".
// A position counts from 0 there.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <memory>
#include <vector>

namespace pass {

class VllmMetrics final : public prometheus::Collectable {
 public:
  explicit VllmMetrics(std::shared_ptr<const prometheus::Collectable> own) : own_(std::move(own)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::shared_ptr<const prometheus::Collectable> own_;
};

}  // namespace pass
