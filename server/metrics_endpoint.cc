#include "server/metrics_endpoint.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pass {

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& listen, std::shared_ptr<prometheus::Registry> registry) {
  const std::string failed =
      absl::StrCat("cannot listen on ", listen, " (--metrics-listen): choose a free port, or 0 to pick one");
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return absl::UnavailableError(failed);
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint);
  endpoint->registry_ = std::move(registry);
  try {
    endpoint->exposer_ = std::make_unique<prometheus::Exposer>(listen, /*num_threads=*/2);
  } catch (const std::exception&) {
    return absl::UnavailableError(failed);
  }
  endpoint->exposer_->RegisterCollectable(endpoint->registry_);
  endpoint->address_ =
      absl::StrCat(listen.substr(0, colon), ":", endpoint->exposer_->GetListeningPorts().front());
  return endpoint;
}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace pass
