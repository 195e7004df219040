#include "client/run_painter.h"

#include <algorithm>

namespace pass {
namespace {

constexpr std::string_view kLightShade = "\x1b[38;5;231;48;5;29m";
constexpr std::string_view kDarkShade = "\x1b[38;5;231;48;5;22m";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kLineBreak = "↵";

bool IsAccepted(const v1::GenerateResponse& message, int index) {
  const v1::StepSpeculation& step = message.speculation();
  if (step.method() == "tree") return step.forwards() == 1 && index < step.accepted();
  constexpr int kForwardsOfARound = 2;
  return step.method() == "pass" && step.forwards() <= kForwardsOfARound && index >= 1 &&
         index <= step.accepted();
}

}  // namespace

RunPainter::RunPainter(const PassClient* client, bool color, Console* console)
    : client_(client), color_(color), console_(console) {}

void RunPainter::Learn(const std::vector<int32_t>& token_ids) {
  for (const int32_t id : token_ids) TextOfOne(id);
}

void RunPainter::Paint(const v1::GenerateResponse& message) {
  for (int i = 0; i < message.token_ids_size(); ++i) {
    const int32_t id = message.token_ids(i);
    pending_.push_back({.token_id = id, .text = TextOfOne(id), .accepted = IsAccepted(message, i)});
  }
  PaintText(message.text());
}

const std::string& RunPainter::TextOfOne(int32_t token_id) {
  const auto known = texts_.find(token_id);
  return known != texts_.end() ? known->second : texts_.emplace(token_id, TextOf({token_id})).first->second;
}

std::string RunPainter::TextOf(const std::vector<int32_t>& token_ids) const {
  v1::DetokenizeRequest request;
  request.mutable_token_ids()->Assign(token_ids.begin(), token_ids.end());
  request.set_skip_special_tokens(true);
  request.set_continues(true);  // the prompt
  v1::DetokenizeResponse response;
  // A failure leaves the text empty: it is then painted plain.
  const CallStatus status = client_->Detokenize(request, {.timeout_seconds = 5}, &response);
  return status.ok() ? response.text() : "";
}

void RunPainter::PaintText(std::string_view delta) {
  while (!delta.empty()) {
    while (!pending_.empty() && pending_.front().text.empty()) {
      pending_.pop_front();
    }
    if (pending_.empty()) {
      Write(delta, /*accepted=*/false);
      return;
    }
    Piece& piece = pending_.front();
    if (delta.starts_with(piece.text)) {
      Write(piece.text, piece.accepted);
      delta.remove_prefix(piece.text.size());
      pending_.pop_front();
    } else if (piece.text.starts_with(delta)) {  // the rest is held back by the server
      Write(delta, piece.accepted);
      piece.text.erase(0, delta.size());
      return;
    } else if (!JoinFront(delta)) {
      Write(delta, /*accepted=*/false);
      pending_.clear();
      return;
    }
  }
}

bool RunPainter::JoinFront(std::string_view delta) {
  constexpr size_t kMostTokensOfACharacter = 4;
  std::vector<int32_t> ids{pending_.front().token_id};
  bool accepted = pending_.front().accepted;
  for (size_t count = 2; count <= std::min(pending_.size(), kMostTokensOfACharacter); ++count) {
    ids.push_back(pending_[count - 1].token_id);
    accepted = accepted && pending_[count - 1].accepted;
    const std::string text = TextOf(ids);
    if (!text.empty() && delta.starts_with(text)) {
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count - 1));
      pending_.front() = {.token_id = ids.back(), .text = text, .accepted = accepted};
      return true;
    }
  }
  return false;
}

void RunPainter::Write(std::string_view text, bool accepted) {
  const std::string shown = console_->out_is_terminal ? visible_.Add(text) : std::string(text);
  if (!accepted) {
    console_->out << shown;
  } else if (!color_) {
    console_->out << '[' << shown << ']';
  } else {
    Shade(shown);
  }
}

void RunPainter::Shade(std::string_view text) {
  dark_shade_ = !dark_shade_;
  const std::string_view shade = dark_shade_ ? kDarkShade : kLightShade;
  // A background that spans a line break would fill the next line; the mark shows that the break was a draft.
  while (true) {
    const size_t line = text.find('\n');
    const std::string_view mark = line == std::string_view::npos ? "" : kLineBreak;
    if (!text.empty()) {
      console_->out << shade << text.substr(0, line) << mark << kReset;
    }
    if (line == std::string_view::npos) {
      return;
    }
    console_->out << '\n';
    text.remove_prefix(line + 1);
  }
}

}  // namespace pass
