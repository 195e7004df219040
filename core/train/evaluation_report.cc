#include "core/train/evaluation_report.h"

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pass {
namespace {

using Json = nlohmann::ordered_json;

double Rounded(double value) { return static_cast<double>(static_cast<int64_t>(value * 1e4 + 0.5)) / 1e4; }

Json ToJson(const DraftQuality& q) {
  Json json = {{"anchors", q.anchors}};
  for (const auto& [key, member] : {std::pair{"top1", &DraftQuality::Depth::top1},
                                    {"top4", &DraftQuality::Depth::top4},
                                    {"top10", &DraftQuality::Depth::top10},
                                    {"overlap", &DraftQuality::Depth::overlap}}) {
    Json values = Json::array();
    for (const DraftQuality::Depth& depth : q.depths) values.push_back(Rounded(depth.*member));
    json[key] = values;
  }
  json["accepted_chain"] = Rounded(q.chain);
  for (const auto& [nodes, accepted] : q.trees)
    json["accepted_tree"][absl::StrCat(nodes)] = Rounded(accepted);
  json["simulated"] = {{"speedup", Rounded(q.simulated.speedup)},
                       {"rows_per_step", Rounded(q.simulated.rows_per_step)},
                       {"tokens_per_step", Rounded(q.simulated.tokens_per_step)}};
  return json;
}

// Element by element: numbers become their mean, the rest is kept.
Json MeanOf(const Json& a, const Json& b) {
  if (a.is_number()) return Rounded((a.get<double>() + b.get<double>()) / 2);
  if (!a.is_structured()) return a;
  Json mean = a;
  if (a.is_array()) {
    mean = Json::array();
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) mean.push_back(MeanOf(a[i], b[i]));
  } else {
    for (auto& [key, value] : mean.items()) {
      if (b.contains(key)) value = MeanOf(a[key], b[key]);
    }
  }
  return mean;
}

}  // namespace

std::string EvaluationJson(const std::vector<EvalResult>& results) {
  Json json = {{"results", Json::array()}, {"means", Json::array()}};
  std::map<std::tuple<std::string, int>, std::map<std::string, Json>> groups;
  for (const EvalResult& r : results) {
    const Json entry = {{"domain", r.domain},
                        {"sampling", r.sampling},
                        {"rows", r.rows},
                        {"texts", r.texts},
                        {"looping", r.looping},
                        {"all", ToJson(r.all)},
                        {"without_loops", ToJson(r.without_loops)}};
    json["results"].push_back(entry);
    groups[{r.sampling, r.rows}][r.domain] = entry;
  }
  for (const auto& [key, domains] : groups) {
    if (!domains.contains("code") || !domains.contains("prose")) continue;
    Json mean = MeanOf(domains.at("code"), domains.at("prose"));
    mean["domain"] = "mean of code and prose";
    json["means"].push_back(mean);
  }
  return json.dump(2) + "\n";
}

std::string EvaluationTable(const std::vector<EvalResult>& results) {
  std::string table =
      "| text | drawn | rows | loops | top-1 by depth | top-4 | top-10 | overlap | chain | tree of 4 / 8 / "
      "16 / 32 / 64 | "
      "simulated | without loops: chain | 16 | simulated |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const EvalResult& r : results) {
    std::array<std::string, 4> lists;
    for (size_t d = 0; d < std::min<size_t>(4, r.all.depths.size()); ++d) {
      const DraftQuality::Depth& depth = r.all.depths[d];
      const double values[] = {depth.top1, depth.top4, depth.top10, depth.overlap};
      for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&lists[i], "%s%.2f", d == 0 ? "" : " ", values[i]);
    }
    std::string trees;
    for (const auto& [nodes, accepted] : r.all.trees) {
      absl::StrAppendFormat(&trees, "%s%.2f", trees.empty() ? "" : " / ", accepted);
    }
    const auto sixteen = r.without_loops.trees.find(16);
    absl::StrAppendFormat(
        &table, "| %s | %s | %d | %d of %d | %s | %s | %s | %s | %.2f | %s | %.2f | %.2f | %.2f | %.2f |\n",
        r.domain, r.sampling, r.rows, r.looping, r.texts, lists[0], lists[1], lists[2], lists[3], r.all.chain,
        trees, r.all.simulated.speedup, r.without_loops.chain,
        sixteen == r.without_loops.trees.end() ? 0.0 : sixteen->second, r.without_loops.simulated.speedup);
  }
  return table;
}

}  // namespace pass
