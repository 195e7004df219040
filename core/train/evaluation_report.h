// Evaluation results as text: JSON for programs, a Markdown table for people.
#pragma once

#include <string>
#include <vector>

#include "core/train/evaluation.h"

namespace pass {

// One JSON object: "results", and "means" of the domains named code and prose per sampling and rows.
std::string EvaluationJson(const std::vector<EvalResult>& results);

std::string EvaluationTable(const std::vector<EvalResult>& results);

}  // namespace pass
