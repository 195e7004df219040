#include "core/checkpoint/architecture.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr const Architecture* kServed[] = {&kLlama,   &kQwen2,   &kQwen3,    &kGemma2, &kGemma3,
                                           &kSmolLm3, &kGranite, &kMistral3, &kOlmo2};

struct Refused {
  const char* why;
  std::vector<std::string_view> names;  // in GGUF and Hugging Face
};

const std::array<Refused, 2>& RefusedArchitectures() {
  static const auto* refused = new std::array<Refused, 2>{
      {{"its layers choose among experts, and the step computes dense layers alone",
        {"mixtral",      "qwen2moe",    "qwen2_moe",   "qwen3moe",      "qwen3_moe",  "deepseek2",
         "deepseek_v2",  "deepseek_v3", "gpt-oss",     "gpt_oss",       "granitemoe", "granitemoeshared",
         "olmoe",        "llama4",      "glm4moe",     "glm4_moe",      "phimoe",     "ernie4_5_moe",
         "ernie4_5-moe", "mistral4",    "hunyuan-moe", "hunyuan_v1_moe"}},
       {"its layers carry a recurrent state, which the branches of a draft tree cannot share",
        {"qwen35",     "qwen3_5",      "qwen35moe", "qwen3_5_moe",    "qwen3next",     "qwen3_next",
         "lfm2",       "lfm2moe",      "lfm2_moe",  "lfm3",           "granitehybrid", "granitemoehybrid",
         "nemotron_h", "falcon-h1",    "falcon_h1", "jamba",          "mamba",         "mamba2",
         "bamba",      "qwen3_5_text", "rwkv7",     "recurrentgemma", "plamo2"}}}};
  return *refused;
}

std::string ServedText() {
  return absl::StrJoin(kServed, ", ", [](std::string* out, const Architecture* architecture) {
    absl::StrAppend(out, std::string(architecture->name), " (", std::string(architecture->title), ")");
  });
}

absl::Status NotServed(const std::string& where, std::string_view name) {
  std::string why;
  for (const Refused& refused : RefusedArchitectures()) {
    if (std::ranges::find(refused.names, name) != refused.names.end()) why = absl::StrCat(": ", refused.why);
  }
  return absl::InvalidArgumentError(absl::StrCat(where, " ", Printable(name), " is not served", why,
                                                 "; use a model of one that is: ", ServedText()));
}

}  // namespace

absl::StatusOr<const Architecture*> FindGgufArchitecture(const std::string& where, std::string_view name) {
  for (const Architecture* architecture : kServed) {
    if (architecture->name == name) return architecture;
  }
  return NotServed(where, name);
}

absl::StatusOr<FoundForm> FindHuggingFaceForm(const std::string& where, std::string_view model_type) {
  for (const Architecture* architecture : kServed) {
    for (const HuggingFaceForm& form : architecture->forms) {
      if (form.model_type == model_type) return FoundForm{architecture, &form};
    }
  }
  return NotServed(where, model_type);
}

}  // namespace pass
