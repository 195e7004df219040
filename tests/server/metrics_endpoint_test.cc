#include "server/metrics_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "server/metrics.h"
#include "tests/server/raw_connection.h"

namespace pass {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kNever = 100'000;  // seconds: an idle connection stays

class MetricsPort : public testing::Test {
 protected:
  std::unique_ptr<MetricsEndpoint> Start(const std::string& listen) {
    auto endpoint = MetricsEndpoint::Start(listen, metrics_.registry(), &clock_, kNever);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    return endpoint.ok() ? *std::move(endpoint) : nullptr;
  }

  static std::string Ask(const MetricsEndpoint& endpoint, const std::string& request) {
    const RawConnection connection(endpoint.address());
    connection.Send(request + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return connection.ReadToEnd();
  }

  SystemClock clock_;
  Metrics metrics_{&clock_};
};

TEST_F(MetricsPort, ServesTheMetricsAndOnlyOurs) {
  const auto endpoint = Start("127.0.0.1:0");
  const std::string reply = Ask(*endpoint, "GET /metrics");
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/plain; version=0.0.4"),
                           HasSubstr("\npass_requests_running 0\n"), Not(HasSubstr("exposer_"))));
}

TEST_F(MetricsPort, ServesNothingElse) {
  const auto endpoint = Start("127.0.0.1:0");
  EXPECT_THAT(Ask(*endpoint, "GET /"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask(*endpoint, "GET /metrics/../x"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask(*endpoint, "DELETE /metrics"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(Ask(*endpoint, "HEAD /metrics"), AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("pass_"))));
}

TEST_F(MetricsPort, SaysWhetherTheServerIsReadyToToolsWithoutGrpc) {
  const auto endpoint = Start("127.0.0.1:0");
  EXPECT_THAT(Ask(*endpoint, "GET /healthz"), StartsWith("HTTP/1.1 503"));
  endpoint->SetReady(true);
  EXPECT_THAT(Ask(*endpoint, "GET /healthz"), StartsWith("HTTP/1.1 200"));
  endpoint->SetReady(false);
  EXPECT_THAT(Ask(*endpoint, "GET /healthz"), StartsWith("HTTP/1.1 503"));
}

TEST_F(MetricsPort, AnswersBesideClientsThatSayNothingOrOnlyHalf) {
  const auto endpoint = Start("127.0.0.1:0");
  std::vector<RawConnection> silent;
  for (int i = 0; i < 300; ++i) {
    silent.emplace_back(endpoint->address());
    if (i % 2 == 1) silent.back().Send("GET /metrics HTTP/1.1\r\nHost:");
  }
  // Those that wait for longest made room; none of them ends by itself.
  EXPECT_THAT(Ask(*endpoint, "GET /metrics"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(silent.front().AwaitClosed());
  silent.back().Send(" x\r\n\r\n");
  EXPECT_THAT(silent.back().ReadToEnd(), StartsWith("HTTP/1.1 200")) << "the newest may go on";
}

TEST_F(MetricsPort, ClosesAConnectionOnWhichNothingMoves) {
  const auto endpoint =
      MetricsEndpoint::Start("127.0.0.1:0", metrics_.registry(), &clock_, /*idle_seconds=*/1);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const RawConnection silent((*endpoint)->address());
  EXPECT_TRUE(silent.AwaitClosed());
}

TEST_F(MetricsPort, ListensOnIpv6) {
  const auto endpoint = MetricsEndpoint::Start("[::1]:0", metrics_.registry(), &clock_);
  if (!endpoint.ok()) GTEST_SKIP() << endpoint.status();
  EXPECT_THAT((*endpoint)->address(), AllOf(StartsWith("[::1]:"), Not("[::1]:0")));
  EXPECT_THAT(Ask(**endpoint, "GET /metrics"), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace pass
