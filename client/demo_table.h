// What the demo gathers, and its numbers: tables of at most 79 columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/demo_prompts.h"
#include "client/report.h"

namespace pass {

struct DemoMethod {
  std::string_view name;   // of the request
  std::string_view label;  // in what is shown
};

struct DemoResult {
  DemoPrompt prompt;
  std::vector<Completion>
      completions;  // one for each method, in the order of the methods; the first is plain
};

// The heading of the lines below.
std::string SpeedHeading(const std::vector<DemoMethod>& methods);
// One prompt's tokens/s with each method.
std::string SpeedLine(const DemoResult& result);

// Sums over the prompts of each kind and over all prompts, a line for each method; with its heading.
std::string SumsTable(const std::vector<DemoMethod>& methods, const std::vector<DemoResult>& results);

// Whether every method gave the same ids, text and finish reason for each prompt; names those that did not.
struct Comparison {
  bool same = true;
  std::string text;
};
Comparison CompareOutputs(const std::vector<DemoMethod>& methods, const std::vector<DemoResult>& results);

}  // namespace pass
