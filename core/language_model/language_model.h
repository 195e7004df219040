// LanguageModel: the seam between decoding and the model. Above it are token ids, below it are tensors. It is
// torch-free, so that everything above it can be built and tested with the fake model of tests/fakes.
//
// A sequence is the text of one request. A forward is one evaluation of the model over a list of rows. A row
// is one token position of one sequence. The committed prefix of a sequence is the tokens whose keys and
// values the model keeps. A row's parent is an earlier row of its sequence in the same forward, or the
// committed prefix. Its ancestors are its parent, that row's parent, and so on. A row attends to the
// committed prefix, to its ancestors and to itself. Prefill, plain decoding, Algorithm 1 and trees are all
// lists of rows, and one forward may hold rows of many sequences. Nothing is padded.
//
// An ordinary row has a token as its input. A look-ahead row has the learned embedding [LA]_k instead. A
// group is the rows of [LA]_1 to [LA]_l behind one ordinary row, which is the group's anchor: [LA]_1 is the
// anchor's child, and each other row is the child of the one before. With the anchor at position p, [LA]_k
// stands at p + k and predicts the token of index p + k + 1.
//
// Owner: the program's main function; the engine borrows the model. Thread: one at a time, in the server the
// engine's. info() is constant and may be read on any thread.
//
// Invariants
//  1. The value of a row depends on its sequence's committed tokens, on its ancestors and on its own fields.
//     It does not depend on how many rows or which other sequences share its forward. On the CPU this holds
//     bit for bit. Code that computes so is called row-invariant.
//  2. A row's position is its parent's position + 1. A row whose parent is the committed prefix stands at the
//     prefix's length.
//  3. Only Commit changes a sequence's committed prefix. At the next Forward the keys and values of rows that
//     were not committed are gone.
//  4. Look-ahead rows are never committed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/sampling/distribution.h"
#include "core/sampling/sampling_options.h"

namespace pass {

using SequenceId = int64_t;

inline constexpr int kCommittedPrefix = -1;

// What a row should give back.
enum class RowOutput : uint8_t {
  kNothing,       // for prefill
  kToken,         // the target token of index position + 1, drawn by the model
  kDistribution,  // the whole distribution after temperature and filters: p, or q on a look-ahead row
  kShortlist,     // look-ahead rows only: a handle, which Propose turns into a proposal
};

// A handle names a state that the model keeps for one sequence: that of a look-ahead row, or that of a
// recurrent step (see Proposal). It is valid until ReleaseDrafts or Close; Commit does not touch it. A later
// handle of a sequence is larger than an earlier one. 0 names nothing.
using DraftHandle = int64_t;

struct Row {
  SequenceId sequence = 0;
  TokenId token = 0;              // input token; unused on a look-ahead row
  int lookahead = 0;              // 0: an ordinary row; k >= 1: the input is [LA]_k
  int32_t position = 0;           // absolute index of the row's token
  int parent = kCommittedPrefix;  // index of the parent row in the same forward (below the row's own), or
                                  // kCommittedPrefix
  const SamplingOptions* sampling = nullptr;  // borrowed for the forward; may be null only with kNothing
  RowOutput output = RowOutput::kNothing;
};

struct RowResult {
  absl::Status status;        // INTERNAL: this row's logits are not numbers. Only its own sequence is harmed
  TokenId token = -1;         // kToken
  Distribution distribution;  // kDistribution
  DraftHandle drafts = 0;     // kShortlist
};

// Asks what may follow one token. There are two kinds of handles:
//   A row's handle: of [LA]_k behind an anchor at position p. `previous` is the token of index p + k, and the
//     token of index p + k + 1 is predicted.
//   A proposal's `next`: `previous` is the token that was taken from that proposal, and the token behind it
//   is predicted.
struct ProposalRequest {
  SequenceId sequence = 0;
  DraftHandle handle = 0;
  TokenId previous = 0;
};

// The answer: the likeliest tokens, all different, best first and lowest id on ties. They are the shortlist.
// A model may have a head, a small network that reads the kept state and `previous`. The probabilities are
// then the head's. Temperature, filters and noise are the caller's.
struct Proposal {
  std::vector<TokenId> ids;              // at most ModelInfo::shortlist_size
  std::vector<float> log_probabilities;  // natural, normalised over `ids`
  // The head's output, kept as a state: a recurrent step applies the head to it and so predicts one token
  // further without a row. 0: the model has no head.
  DraftHandle next = 0;
};

struct ModelInfo {
  std::string name;
  std::string architecture;    // "llama"
  std::string dtype;           // "bf16", "fp32"
  std::string weights = {};    // dtype, or "w8", "w4", "as-stored": what the step's matrices are in
  std::string device;          // "cpu", "cuda:0"
  std::string fingerprint;     // hash of the base weights, hexadecimal
  int64_t vocab_size = 0;      // rows of the embedding table: valid token ids are [0, vocab_size)
  int32_t context_length = 0;  // positions
  int num_layers = 0;
  int width = 0;
  int num_lookahead = 0;  // L of the loaded look-ahead tokens; 0: none
  bool has_adapter = false;
  bool has_head = false;     // without one a proposal does not depend on `previous`
  int shortlist_size = 128;  // tokens of a proposal, at most
  int max_batch_rows = 512;  // rows of a forward, at most
};

// Keys and values, in pages of `page_tokens` positions.
struct KvUsage {
  int64_t total_pages = 0;
  int64_t reserved_pages = 0;
  int page_tokens = 0;
};

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const ModelInfo& info() const = 0;
  virtual KvUsage kv_usage() const = 0;

  // Opens an empty sequence and reserves room for the keys and values of `max_tokens` committed positions. So
  // it never runs out. RESOURCE_EXHAUSTED: there are not enough free pages now; try again after a Close.
  // INVALID_ARGUMENT: `max_tokens` is more than the context, or more than all pages hold.
  virtual absl::StatusOr<SequenceId> Open(int32_t max_tokens) = 0;
  virtual void Close(SequenceId id) = 0;

  // One result per row, in the rows' order. An error is a failure of the whole forward. UNAVAILABLE: the
  // device is lost, and every later call fails too; so from Commit and Propose.
  virtual absl::StatusOr<std::vector<RowResult>> Forward(std::span<const Row> rows) = 0;

  // Appends rows of the last forward to the sequence's committed prefix. `rows` are indices into that
  // forward: the first is a child of the committed prefix, each other one a child of the row before it. What
  // the forward computed for the sequence besides is dropped, but for handles. INTERNAL: an invariant is broken.
  virtual absl::Status Commit(SequenceId id, std::span<const int> rows) = 0;

  // One proposal per request, in order. The requests may be of many sequences, and no forward runs. A
  // proposal depends on its own request and on its sequence's committed tokens, and on nothing else.
  // INTERNAL: an invariant is broken, or a handle is unknown.
  virtual absl::StatusOr<std::vector<Proposal>> Propose(std::span<const ProposalRequest> requests) = 0;

  // Forgets this sequence's handles below `before`.
  virtual void ReleaseDrafts(SequenceId id, DraftHandle before) = 0;
};

}  // namespace pass
