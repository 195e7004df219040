#include "core/train/sample_drawer.h"

#include <algorithm>
#include <random>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/files/mapped_file.h"
#include "core/train/continuations.h"

namespace pass {
namespace {

constexpr int kPromptLengths[] = {1, 8, 16, 24};
constexpr int64_t kLeastCorpusTokens = 100;

constexpr const char* kTextPrompts[] = {
    "def ",         "class ",      "import ",    "#include <",     "# ",
    "The ",         "In ",         "A ",         "It was ",        "Once upon a ",
    "When ",        "1. ",         "Question: ", "Dear ",          "Chapter 1",
    "How to ",      "function ",   "SELECT ",    "\"\"\"",         "Abstract\n",
    "She ",         "He said, ",   "According ", "This is ",       "We ",
    "There are ",   "if __name__", "from ",      "Introduction\n", "The first ",
    "Many people ", "for i in ",
};
constexpr const char* kChatPrompts[] = {
    "What is ",   "Write a short story about ",     "Explain ",
    "How do I ",  "Write a Python function that ",  "Give me a list of ",
    "Why does ",  "Summarize the following text: ", "Can you help me with ",
    "Translate ",
};

}  // namespace

SampleDrawer::SampleDrawer(LanguageModel* model, const TextModel* text,
                           std::vector<std::vector<TokenId>> corpus, const SampleOptions& options)
    : model_(model), text_(text), corpus_(std::move(corpus)), options_(options) {
  // A prompt leaves room in its window for a token at least.
  const auto add = [this](const absl::StatusOr<std::vector<TokenId>>& ids) {
    if (ids.ok() && !ids->empty() && std::ssize(*ids) < options_.window) short_prompts_.push_back(*ids);
  };
  for (const char* prompt : kTextPrompts) add(text_->tokenizer->Encode(prompt));
  // A question that breaks off: the model ends it, and answers.
  for (const char* prompt : kChatPrompts) {
    absl::StatusOr<std::vector<TokenId>> rendered =
        RenderChat(text_->chat_template, std::vector<ChatMessage>{{"user", prompt}}, *text_->tokenizer);
    if (!rendered.ok()) break;  // the model has no known template
    add(rendered);
  }
  for (const char* name : {"<|endoftext|>", "<|begin_of_text|>"}) {
    if (const std::optional<TokenId> id = text_->tokenizer->Find(name)) short_prompts_.push_back({*id});
  }
  if (const std::optional<TokenId> bos = text_->tokenizer->bos()) short_prompts_.push_back({*bos});
}

std::vector<TokenId> SampleDrawer::Prompt(uint64_t seed) const {
  std::mt19937_64 random(seed);
  const bool from_corpus = !corpus_.empty() && random() % 5 != 0;
  if (!from_corpus) return short_prompts_[random() % short_prompts_.size()];
  int64_t total = 0;
  for (const auto& text : corpus_) total += static_cast<int64_t>(text.size());
  auto offset = static_cast<int64_t>(random() % static_cast<uint64_t>(total));
  const std::vector<TokenId>* text = corpus_.data();
  for (; offset >= static_cast<int64_t>(text->size()); ++text) offset -= static_cast<int64_t>(text->size());
  const int64_t length =
      std::min({int64_t{kPromptLengths[random() % 4]}, int64_t{options_.window - 1}, std::ssize(*text)});
  offset = std::min(offset, static_cast<int64_t>(text->size()) - length);
  return {text->begin() + offset, text->begin() + offset + length};
}

absl::StatusOr<std::vector<std::vector<TokenId>>> SampleDrawer::Draw(int64_t first, int count,
                                                                     const std::atomic<bool>& stop) {
  std::vector<std::vector<TokenId>> windows;
  std::vector<GenerationRequest> requests;
  for (int64_t i = first; i < first + count; ++i) {
    std::seed_seq seeds{options_.seed, static_cast<uint64_t>(i)};
    std::vector<uint32_t> words(6);
    seeds.generate(words.begin(), words.end());
    const auto wide = [&](int at) { return (uint64_t{words[at]} << 32) | words[at + 1]; };
    const double share = words[4] * 0x1p-32, at = words[5] * 0x1p-32;
    windows.push_back(Prompt(wide(0)));
    GenerationRequest request;
    request.prompt = windows.back();
    request.max_tokens = options_.window - static_cast<int32_t>(request.prompt.size());
    request.ignore_eos = true;
    request.sampling = {.temperature = share < options_.greedy_share
                                           ? 0.0
                                           : options_.min_temperature +
                                                 at * (options_.max_temperature - options_.min_temperature),
                        .top_k = options_.top_k,
                        .seed = wide(2)};
    requests.push_back(std::move(request));
  }
  PASS_ASSIGN_OR_RETURN(const auto continuations,
                        Continue(*model_, *text_->tokenizer, text_->end_of_sequence_ids, std::move(requests),
                                 options_.max_sequences, &stop));
  std::vector<std::vector<TokenId>> kept;
  for (size_t i = 0; i < windows.size(); ++i) {
    windows[i].insert(windows[i].end(), continuations[i].begin(), continuations[i].end());
    const std::set<TokenId> distinct(windows[i].begin(), windows[i].end());
    if (static_cast<int>(distinct.size()) >= options_.least_distinct) kept.push_back(std::move(windows[i]));
  }
  return kept;
}

absl::StatusOr<std::vector<TokenId>> ReadCorpus(const std::string& path, const Tokenizer& tokenizer) {
  PASS_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const std::span<const std::byte> bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const size_t valid = ValidUtf8Prefix(text); valid < text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--corpus ", path, ": not UTF-8 at byte ", valid, "; convert the file to UTF-8"));
  }
  PASS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, tokenizer.Encode(text));
  if (static_cast<int64_t>(ids.size()) < kLeastCorpusTokens) {
    return absl::InvalidArgumentError(absl::StrCat("--corpus ", path, ": ", ids.size(), " tokens, at least ",
                                                   kLeastCorpusTokens, " are needed; name a longer text"));
  }
  return ids;
}

}  // namespace pass
