#include "bench/report.h"

#include <cmath>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace pass::bench {
namespace {

using Json = nlohmann::ordered_json;

// Six significant digits: more is noise, and would make files differ that say the same.
double Rounded(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

Json JsonOf(const Spread& spread) {
  return {
      {"median", Rounded(spread.median)}, {"least", Rounded(spread.least)}, {"most", Rounded(spread.most)}};
}

Json JsonOf(const Figures& figures) {
  return {{"units", figures.units},
          {"outputs", figures.outputs},
          {"tokens", figures.tokens},
          {"tokens_per_second", JsonOf(figures.tokens_per_second)},
          {"speedup", JsonOf(figures.speedup)},
          {"tokens_per_forward", Rounded(figures.tokens_per_forward)},
          {"acceptance_rate", Rounded(figures.acceptance_rate)},
          {"mean_accepted_length", Rounded(figures.mean_accepted_length)},
          {"drafted_by_position", figures.drafted_by_position},
          {"accepted_by_position", figures.accepted_by_position},
          {"identical_share", Rounded(figures.identical_share)},
          {"looping_share", Rounded(figures.looping_share)}};
}

// What a row of either table is about.
void AddLabels(const std::string& sampling, int batch, const Variant& variant, Json& json) {
  json["sampling"] = sampling;
  json["batch"] = batch;
  json["method"] = std::string(MethodName(variant.method));
  json["lookahead"] = variant.lookahead;
  json["max_rows"] = variant.max_rows;
  json["text_sources"] = variant.text_sources;
}

Json JsonOf(const Subject& subject) {
  return {{"model", subject.model.name},
          {"fingerprint", subject.model.fingerprint},
          {"dtype", subject.model.dtype},
          {"weights", subject.model.weights},
          {"device", subject.model.device},
          {"lookahead_file", subject.lookahead_file},
          {"num_lookahead", subject.model.num_lookahead},
          {"has_adapter", subject.model.has_adapter},
          {"has_head", subject.model.has_head},
          {"libtorch", subject.libtorch},
          {"date", subject.date},
          {"cpu", subject.machine.cpu},
          {"threads", subject.machine.threads},
          {"memory_read_gb_per_second", Rounded(subject.machine.memory_read_bytes_per_second / 1e9)},
          {"instruction_set", subject.instruction_set},
          {"fp32_gflop_per_second", Rounded(subject.machine.operations_per_second / 1e9)},
          {"load_average_before", Rounded(subject.machine.load_average)}};
}

}  // namespace

Json JsonOf(const Subject& subject, const CompareOptions& options, const Comparison& comparison) {
  Json json = {
      {"subject", JsonOf(subject)}, {"tokens", options.tokens}, {"repetitions", options.repetitions}};
  json["cells"] = Json::array();
  for (const Cell& cell : comparison.cells) {
    Json& row = json["cells"].emplace_back(Json{{"set", cell.set}});
    AddLabels(cell.sampling, cell.batch, cell.variant, row);
    row["all"] = JsonOf(cell.all);
    row["without_loops"] = JsonOf(cell.without_loops);
  }
  json["means"] = Json::array();
  for (const Mean& mean : comparison.means) {
    Json& row = json["means"].emplace_back(Json::object());
    AddLabels(mean.sampling, mean.batch, mean.variant, row);
    row["speedup"] = Rounded(mean.speedup);
    row["speedup_without_loops"] = Rounded(mean.speedup_without_loops);
  }
  return json;
}

Json JsonOf(const Subject& subject, int context, const std::vector<ForwardCost>& costs) {
  Json json = {{"subject", JsonOf(subject)}, {"context", context}, {"costs", Json::array()}};
  for (const ForwardCost& cost : costs) {
    json["costs"].push_back({{"rows", cost.rows},
                             {"median_seconds", Rounded(cost.median_seconds)},
                             {"fastest_seconds", Rounded(cost.fastest_seconds)},
                             {"least_seconds", Rounded(LeastSeconds(subject, cost.rows))}});
  }
  return json;
}

Json JsonOf(const Subject& subject, const VerifyOptions& options, const std::vector<VerifyResult>& results) {
  Json json = {{"subject", JsonOf(subject)},
               {"tokens", options.tokens},
               {"batch", options.batch},
               {"seed", options.seed},
               {"results", Json::array()}};
  for (const VerifyResult& result : results) {
    json["results"].push_back({{"name", result.name},
                               {"compared", result.compared},
                               {"cut_off", result.cut_off},
                               {"different", result.different},
                               {"forwards", result.forwards},
                               {"tokens", result.tokens},
                               {"difference", result.difference}});
  }
  return json;
}

Json JsonOf(const Subject& subject, int tokens, const std::vector<GreedyAgreement>& agreements) {
  Json json = {{"subject", JsonOf(subject)}, {"tokens", tokens}, {"sets", Json::array()}};
  for (const GreedyAgreement& agreement : agreements) {
    json["sets"].push_back({{"set", agreement.name},
                            {"texts", agreement.texts},
                            {"same_texts", agreement.same_texts},
                            {"tokens", agreement.tokens},
                            {"same", agreement.same},
                            {"largest_gap", Rounded(agreement.largest_gap)}});
  }
  return json;
}

absl::Status WriteJson(const std::string& path, const Json& json) {
  std::ofstream file(path);
  file << json.dump(1) << "\n";
  if (file.flush()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, " cannot be written: choose another place for --json"));
}

}  // namespace pass::bench
