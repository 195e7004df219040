// What a scrape shows after known traffic, and that it is well-formed Prometheus text.
#include "server/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "server/metrics_endpoint.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string HttpGet(const std::string& address, const std::string& path) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server)), 0);
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string response;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd, buffer, sizeof(buffer))) > 0;) response.append(buffer, got);
  close(fd);
  return response;
}

TEST(Metrics, CountKnownTraffic) {
  TestServer server;
  const StreamResult plain = ReadStream(server.stub(), TextRequest("1234", 10, "plain"));
  const StreamResult pass = ReadStream(server.stub(), TextRequest("123456", 30, "pass"));
  ASSERT_TRUE(plain.status.ok() && pass.status.ok());
  const v1::SpeculationSummary summary = pass.messages.back().finish().speculation();

  EXPECT_EQ(server.Metric("pass_requests_total{outcome=\"length\"}"), 2);
  EXPECT_EQ(server.Metric("pass_prompt_tokens_total"), 10);
  EXPECT_EQ(server.Metric("pass_generated_tokens_total"), 40);
  EXPECT_EQ(server.Metric("pass_draft_tokens_total{source=\"lookahead\"}"), summary.drafted());
  EXPECT_EQ(server.Metric("pass_accepted_tokens_total{source=\"lookahead\"}"), summary.accepted());
  ASSERT_GT(summary.drafted_by_position_size(), 1);
  for (int i = 0; i < summary.drafted_by_position_size(); ++i) {
    const std::string position = "{position=\"" + std::to_string(i + 1) + "\"}";
    EXPECT_EQ(server.Metric("pass_drafted_steps_by_position_total" + position),
              summary.drafted_by_position(i));
    EXPECT_EQ(server.Metric("pass_accepted_tokens_by_position_total" + position),
              summary.accepted_by_position(i));
  }
  EXPECT_EQ(server.Metric("pass_time_to_first_token_seconds_count"), 2);
  EXPECT_EQ(server.Metric("pass_request_seconds_count"), 2);
  EXPECT_EQ(server.Metric("pass_queue_seconds_count"), 2);
  EXPECT_EQ(server.Metric("pass_prefill_seconds_count"), 2);
  EXPECT_EQ(server.Metric("pass_step_seconds_count{method=\"plain\"}"), 10);
  // A last report without a validation step: the sequence may end with the draft forward's own token.
  const double steps = server.Metric("pass_step_seconds_count{method=\"pass\"}");
  EXPECT_TRUE(steps == summary.validation_steps() || steps == summary.validation_steps() + 1) << steps;
  EXPECT_EQ(server.Metric("pass_tokens_per_message_sum"), 40);
  EXPECT_EQ(server.Metric("pass_generated_length_tokens_bucket{le=\"20\"}"), 1);
  EXPECT_EQ(server.Metric("pass_requests_running"), 0);
  EXPECT_EQ(server.Metric("pass_kv_cache_usage_ratio"), 0);
  EXPECT_GT(server.Metric("pass_engine_last_step_timestamp_seconds"), 1.6e9);
  // Decoding forwards and their tokens; a forward that carries prefill rows as well counts as mixed.
  EXPECT_EQ(server.Metric("pass_emitted_tokens_total{batch=\"1\",method=\"plain\"}") +
                server.Metric("pass_emitted_tokens_total{batch=\"1\",method=\"pass\"}") +
                server.Metric("pass_emitted_tokens_total{batch=\"1\",method=\"mixed\"}"),
            40);
  EXPECT_GT(server.Metric("pass_rows_total{kind=\"lookahead\"}"), 0);
}

TEST(Metrics, PutABatchIntoThePowerOfTwoThatHoldsIt) {
  const SystemClock clock;
  Metrics metrics(&clock);
  for (const int sequences : {1, 2, 3, 4, 5, 100000}) {
    ForwardReport report;
    report.kind = KindOf(Method::kPlain);
    report.sequences = report.emitted_tokens = sequences;
    metrics.OnForward(report);
  }
  std::map<std::string, double> tokens;
  for (const auto& family : metrics.registry()->Collect()) {
    if (family.name != "pass_emitted_tokens_total") continue;
    for (const auto& metric : family.metric) {
      for (const auto& label : metric.label) {
        if (label.name == "batch") tokens[label.value] += metric.counter.value;
      }
    }
  }
  EXPECT_EQ(tokens["1"], 1);
  EXPECT_EQ(tokens["2"], 2);
  EXPECT_EQ(tokens["4"], 7);
  EXPECT_EQ(tokens["8"], 5);
  EXPECT_EQ(tokens["2048"], 100000);
}

TEST(Metrics, LetNoBucketRestThatIsNotDecodedInAnyMore) {
  const SystemClock clock;
  Metrics metrics(&clock);
  const auto resting = [&metrics](int sequences, bool rests) {
    ForwardReport report;
    report.kind = KindOf(Method::kPlain);
    report.sequences = sequences;
    report.auto_rests = rests;
    metrics.OnForward(report);
    std::set<std::string> batches;
    for (const auto& family : metrics.registry()->Collect()) {
      if (family.name != "pass_auto_resting") continue;
      for (const auto& metric : family.metric) {
        if (metric.gauge.value == 1) batches.insert(metric.label.at(0).value);
      }
    }
    return batches;
  };
  EXPECT_THAT(resting(8, true), ElementsAre("8"));
  EXPECT_THAT(resting(7, true), ElementsAre("8"));
  EXPECT_THAT(resting(2, true), ElementsAre("2"));
  EXPECT_THAT(resting(1, false), IsEmpty());
}

// The rules that `promtool check metrics` holds, as far as they concern form.
TEST(Metrics, AreWellFormedText) {
  TestServer server;
  server.metrics().SetBuildInfo(
      {.version = "0.1", .torch = "2", .device = "cpu", .dtype = "bf16", .model = "odd \"name\"\n"});
  server.metrics().SetLoadSeconds("weights", 1.5);
  ASSERT_TRUE(ReadStream(server.stub(), TextRequest("1234", 10, "pass")).status.ok());
  const std::regex sample(R"re(^([a-z_]+)(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? ([-+0-9.eInfNa]+)$)re");
  std::map<std::string, std::string> types;
  std::set<std::string> helped, seen;
  std::istringstream lines(server.MetricsText());
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, rest;
    if (line.starts_with("#")) {
      words >> hash >> keyword >> name;
      std::getline(words, rest);
      EXPECT_GT(rest.size(), 1u) << line;
      if (keyword == "HELP") {
        EXPECT_TRUE(helped.insert(name).second) << line;
      }
      if (keyword == "TYPE") types[name] = rest.substr(1);
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    ++samples;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << "twice: " << line;
    name = match[1];
    EXPECT_THAT(name, StartsWith("pass_"));
    const std::string family = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
    const std::string type = types.contains(name) ? types[name] : types[family];
    EXPECT_TRUE(helped.contains(name) || helped.contains(family)) << line;
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
    EXPECT_EQ(type == "histogram", !types.contains(name)) << line;
  }
  EXPECT_GT(samples, 300);
}

// Long prompts, queues and answers take minutes: a quantile that falls into the last bucket says nothing.
TEST(Metrics, HaveBucketsOfSecondsUpToAlmostAnHour) {
  const SystemClock clock;
  const Metrics metrics(&clock);
  int histograms = 0;
  for (const auto& family : metrics.registry()->Collect()) {
    if (family.type != prometheus::MetricType::Histogram || !family.name.ends_with("_seconds")) continue;
    for (const auto& metric : family.metric) {
      const auto& buckets = metric.histogram.bucket;
      ASSERT_GE(buckets.size(), 2u) << family.name;
      EXPECT_GT(buckets[buckets.size() - 2].upper_bound, 3000) << family.name;  // the last one is infinite
      ++histograms;
    }
  }
  EXPECT_GT(histograms, 5);
}

TEST(Metrics, AreServedOverHttp) {
  TestServer server;
  const SystemClock clock;
  const auto endpoint = MetricsEndpoint::Start("127.0.0.1:0", server.metrics().registry(), &clock);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const std::string response = HttpGet((*endpoint)->address(), "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("# TYPE pass_requests_running gauge"));
}

}  // namespace
}  // namespace pass
