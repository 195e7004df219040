// The seam between decoding and the model. Torch-free: above it everything builds and runs with the fake of tests/fakes.
//
// A forward evaluates a list of rows. A row is one token position of one sequence: it attends to its sequence's
// committed prefix and to its ancestors in the same forward. Prefill, plain decoding, Algorithm 1 and trees, of several
// sequences in different phases, are all lists of rows of one ragged forward.
//
// Owner: the engine. Thread: the engine's only, except info(), which is constant and may be read anywhere.
//
// Invariants
//  1. The value of a row depends on its sequence's committed tokens, its ancestors and its own fields; never on how many
//     rows or which neighbours share its forward (on the CPU bit for bit: "row-invariant").
//  2. A row's position is its parent's position + 1; a row whose parent is the committed prefix stands at the prefix's
//     length.
//  3. Only Commit changes a sequence: keys and values of rows that were not committed are gone at the next Forward.
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
  kNothing,       // prefill
  kToken,         // the sampled target token of index position + 1
  kDistribution,  // the whole distribution after temperature and filters: p, or q on a look-ahead row
  kShortlist,     // look-ahead rows only: a handle for Propose
};

// A look-ahead row's state, or that of a recurrent step behind it, kept by the model for one sequence until
// ReleaseDrafts or Close; Commit does not touch it. Handles of a sequence ascend in the order of their making; 0: none.
using DraftHandle = int64_t;

struct Row {
  SequenceId sequence = 0;
  TokenId token = 0;              // input token; unused on a look-ahead row
  int lookahead = 0;              // 0: an ordinary row; k >= 1: the input is [LA]_k
  int32_t position = 0;           // absolute index of the row's token
  int parent = kCommittedPrefix;  // index of the parent row in the same forward, or kCommittedPrefix
  const SamplingOptions* sampling = nullptr;  // borrowed for the forward; may be null only with kNothing
  RowOutput output = RowOutput::kNothing;
};

struct RowResult {
  absl::Status status;        // INTERNAL: this row's logits are not numbers; only its sequence is harmed
  TokenId token = -1;         // kToken
  Distribution distribution;  // kDistribution
  DraftHandle drafts = 0;     // kShortlist
};

// A state and the token just before the one that is to be predicted. For the handle of the row of [LA]_k behind an
// anchor at p, `previous` is the token of index p + k, and p + k + 1 is predicted; for the handle that a proposal gave
// (`next`), it is the token which that proposal predicted, and the one after it is predicted now.
struct ProposalRequest {
  SequenceId sequence = 0;
  DraftHandle handle = 0;
  TokenId previous = 0;
};

// The shortlist after the head, likeliest first, lowest id on ties: at most ModelInfo::shortlist_size tokens, all different.
// Temperature, filters and noise are the caller's.
struct Proposal {
  std::vector<TokenId> ids;
  std::vector<float> log_probabilities;  // natural, normalised over `ids`
  DraftHandle next = 0;                  // for the recurrent step; 0: the model has no head
};

struct ModelInfo {
  std::string name;
  std::string architecture;    // "llama"
  std::string dtype;           // "bf16", "fp32"
  std::string device;          // "cpu", "cuda:0"
  std::string fingerprint;     // hash of the base weights, hexadecimal
  int64_t vocab_size = 0;      // rows of the embedding table: valid token ids are [0, vocab_size)
  int32_t context_length = 0;  // positions
  int num_layers = 0;
  int width = 0;
  int num_lookahead = 0;  // L of the loaded look-ahead tokens; 0: none
  bool has_adapter = false;
  bool has_head = false;     // without one a proposal does not depend on the previous token
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

  // Opens an empty sequence and reserves keys and values for `max_tokens` committed positions, so that an admitted
  // sequence never runs out. RESOURCE_EXHAUSTED: not enough free pages now, try again after a Close.
  // INVALID_ARGUMENT: more than the context, or than the whole pool.
  virtual absl::StatusOr<SequenceId> Open(int32_t max_tokens) = 0;
  virtual void Close(SequenceId id) = 0;

  // One result per row, in the rows' order. A status other than OK is a failure of the whole forward (device fault).
  virtual absl::StatusOr<std::vector<RowResult>> Forward(std::span<const Row> rows) = 0;

  // Appends these rows of the last forward (indices into it, each the child of the one before, the first a child of the
  // committed prefix) to the sequence's committed prefix. What the rest of the forward computed for it is dropped.
  // Fails only on broken invariants: INTERNAL.
  virtual absl::Status Commit(SequenceId id, std::span<const int> rows) = 0;

  // One proposal per request, in order; the requests may be of many sequences and need no forward. A proposal depends on its
  // own request only (invariant 1 holds for it too). Fails on broken invariants only, such as an unknown handle: INTERNAL.
  virtual absl::StatusOr<std::vector<Proposal>> Propose(std::span<const ProposalRequest> requests) = 0;

  // Forgets this sequence's handles below `before`.
  virtual void ReleaseDrafts(SequenceId id, DraftHandle before) = 0;
};

}  // namespace pass
