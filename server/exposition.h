// Series as Prometheus text. Rendering a thousand lines takes a millisecond or two of CPU time, which the decoding loop would
// miss if a client asked all the time. So a burst of kBurst texts is rendered at once, and then one every kInterval; a client
// that asks more often gets the last text again, which is at most kInterval old.
#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "core/base/clock.h"

namespace pass {

// One thread at a time.
class Exposition {
 public:
  static constexpr int kBurst = 20;
  static constexpr absl::Duration kInterval = absl::Milliseconds(250);

  // `clock` is borrowed.
  Exposition(std::shared_ptr<const prometheus::Collectable> series, const Clock* clock);

  const std::string& Text();

 private:
  std::shared_ptr<const prometheus::Collectable> series_;
  const Clock* clock_;
  absl::Time full_at_;  // when a whole burst may be rendered again
  std::string text_;
};

}  // namespace pass
