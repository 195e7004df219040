// Method `tree`: drafts and validates in one forward.
//
// A tree (draft_tree.h) holds candidates for the next tokens; its root is the newest token. The rows of a
// forward are the root, some of the candidates, and look-ahead groups behind nodes where the walk is likely
// to stop. The model draws the target token at the root and at each candidate. The walk begins at the root
// and goes on to the child that carries the drawn token, as long as there is one with a row. The nodes behind
// the root that it visits are the accepted candidates. The token drawn at its last node is the bonus. A step
// emits the accepted candidates and the bonus.
//
// What is emitted depends on the logits, the options, the seed and the position, and on nothing else. So it
// is the same as in plain decoding, byte for byte, whatever the candidates are. Candidates never attend to
// look-ahead rows.
//
// In a step Ask and Answer grow the tree level by level. Then Choose says which nodes get rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/decode/calibration.h"
#include "core/decode/decoder.h"
#include "core/decode/draft_source.h"
#include "core/decode/draft_tree.h"
#include "core/decode/row_choice.h"

namespace pass {

struct TreeOptions {
  int lookahead = 0;  // the most rows of a look-ahead group; 0: no such rows
  int32_t context_length = 0;
  bool ngram = true;           // draft from repeated runs of the text
  bool successors = true;      // draft from what followed a token before
  int max_nodes = 64;          // of the tree, the root included
  int max_children = 8;        // of a node
  int max_depth = 16;          // of a node
  int max_proposal_depth = 6;  // of a node behind which a proposal is asked for
};

class TreeDecoder final : public Decoder {
 public:
  // `calibration` is borrowed and shared with other decoders.
  TreeDecoder(const TreeOptions& options, DraftCalibration* calibration);

  std::vector<ProposalRequest> Ask(const Frontier& frontier) override;
  void Answer(const Frontier& frontier, std::span<const Proposal> proposals) override;

  const RowOffer* offer() const override { return &offer_; }
  void Choose(const RowChoice& choice) override { choice_ = choice; }
  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;

 private:
  void Begin(const Frontier& frontier);
  void GrowLevel(const Frontier& frontier, std::span<const Proposal> proposals);
  std::optional<ProposalRequest> AskSources(int node) const;
  struct Candidate;
  void AddCandidates(const Frontier& frontier, int node, const Proposal* proposal,
                     std::vector<Candidate>& candidates);
  void Limit(const Frontier& frontier);
  // The nodes of the walk, the root first.
  std::vector<int> Walk(std::span<const RowResult> results, std::vector<TokenId>& emitted) const;
  void Learn(const Frontier& frontier, std::span<const int> walk, std::span<const RowResult> results);
  void KeepDrafts(const Frontier& frontier, std::span<const int> walk, std::span<const RowResult> results,
                  Absorbed& absorbed);
  int FreshRows() const;

  const TreeOptions options_;
  DraftCalibration* const calibration_;
  struct OriginSource {
    size_t origin = 0;  // index into Evidence
    std::unique_ptr<DraftSource> source;
  };
  std::vector<OriginSource> sources_;

  // Of the current step.
  bool growing_ = false;
  DraftTree tree_;
  std::vector<int> level_;          // nodes that get children next
  std::vector<int> asked_;          // those of them for which a proposal was asked
  DraftHandle newest_handle_ = 0;   // the largest that was ever seen
  std::vector<int> longest_group_;  // by node
  RowOffer offer_;
  RowChoice choice_;
  std::vector<int> row_of_;        // by node; -1: none
  std::vector<int> group_row_of_;  // by node: the first row of its group
  int num_candidates_ = 0;
};

}  // namespace pass
