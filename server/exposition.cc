#include "server/exposition.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>

namespace pass {

Exposition::Exposition(std::shared_ptr<const prometheus::Collectable> series, const Clock* clock)
    : series_(std::move(series)), clock_(clock), full_at_(absl::InfinitePast()) {}

const std::string& Exposition::Text() {
  const absl::Time now = clock_->Now();
  // At most a burst ahead, so that a clock which is set back holds up nothing.
  full_at_ = std::clamp(full_at_, now, now + kBurst * kInterval);
  if (full_at_ + kInterval > now + kBurst * kInterval) return text_;
  full_at_ += kInterval;
  text_ = prometheus::TextSerializer().Serialize(series_->Collect());
  return text_;
}

}  // namespace pass
