// Figures as JSON for programs and as Markdown for people. Both carry what they must be read with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/compare.h"
#include "bench/greedy.h"
#include "bench/machine.h"
#include "bench/verify.h"
#include "core/engine/speculation/measure_costs.h"
#include "core/language_model/language_model.h"
#include "nlohmann/json.hpp"

namespace pass::bench {

// What was measured, on what.
struct Subject {
  ModelInfo model;
  std::string lookahead_file;  // name without folder; empty: none
  std::string libtorch;        // version
  std::string date;            // YYYY-MM-DD
  Machine machine;
  int64_t num_weights = 0;      // as LoadedModel says; 0: unknown
  std::string instruction_set;  // of the CPU's kernels
};

// {"subject", "tokens", "repetitions", "cells": [...], "means": [...]}; field names are those of the structs.
nlohmann::ordered_json JsonOf(const Subject& subject, const CompareOptions& options,
                              const Comparison& comparison);
// {"subject", "context", "costs": [...]}
nlohmann::ordered_json JsonOf(const Subject& subject, int context, const std::vector<ForwardCost>& costs);
// {"subject", "tokens", "batch", "seed", "results": [...]}
nlohmann::ordered_json JsonOf(const Subject& subject, const VerifyOptions& options,
                              const std::vector<VerifyResult>& results);
// {"subject", "tokens", "sets": [...]}
nlohmann::ordered_json JsonOf(const Subject& subject, int tokens,
                              const std::vector<GreedyAgreement>& agreements);

// A line about the subject, then a table for each batch and sampling.
std::string MarkdownOf(const Subject& subject, const CompareOptions& options, const Comparison& comparison);
// Beside each time the least that the machine allows, where LeastSeconds knows it.
std::string MarkdownOf(const Subject& subject, int context, const std::vector<ForwardCost>& costs);
std::string MarkdownOf(const Subject& subject, int tokens, const std::vector<GreedyAgreement>& agreements);

// The longer of reading the weights once and of multiplying them with so many rows, at the speeds of the machine. 0: the
// weights are not in the compute type, or the CPU has instructions for bf16, and no fp32 is computed.
double LeastSeconds(const Subject& subject, int rows);

// Writes the JSON with a line break at its end. UNAVAILABLE names the file.
absl::Status WriteJson(const std::string& path, const nlohmann::ordered_json& json);

}  // namespace pass::bench
