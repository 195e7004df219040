// Rows times a matrix on the tensor cores. A block makes all rows of a few outputs; its warps share the inputs, and add what
// they have come to in one order. Few rows leave the matrix's bytes and the latencies as what counts: a thread asks for the
// weights of several steps at once, 16 bytes each, before it waits for the rows, and reads those from the caches.
#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kRowTiles = kRows / 16;
constexpr int kAhead = 3;  // steps of kInStep inputs that are asked for at once

__device__ int Lane() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ int Warp() { return static_cast<int>(threadIdx.x) / kWarp; }

// A thread's part of the product of all rows with kTiles tiles of kOutStep outputs. Within a step it holds 8 inputs side by side
// of each row and each output, which the tensor core takes for inputs 2q, 2q+1, 2q+8 and 2q+9 of two products: in which order
// inputs are added does not matter, as long as rows and weights agree. Warp w takes steps w, w + kWarps and so on.
template <int kTiles, int kWarps>
class Product {
 public:
  // `weights`: the inputs of the thread's own output of each tile, the (lane / 4)-th.
  __device__ explicit Product(const uint16_t* const (&weights)[kTiles], int in)
      : steps_(in / kInStep), in_(in), next_(Warp()) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) weights_[tile] = weights[tile] + Lane() % 4 * 8;
    Ask();
  }

  __device__ void Add(const uint16_t* x) {
    const uint16_t* row = x + static_cast<int64_t>(Lane() / 4) * in_ + Lane() % 4 * 8;
    while (next_ < steps_) {
      uint4 rows[kAhead][2 * kRowTiles];
#pragma unroll
      for (int ahead = 0; ahead < kAhead; ++ahead) {
        if (Step(ahead) >= steps_) continue;
#pragma unroll
        for (int half = 0; half < 2 * kRowTiles; ++half) {
          rows[ahead][half] = *reinterpret_cast<const uint4*>(row + static_cast<int64_t>(half) * 8 * in_ +
                                                              Step(ahead) * kInStep);
        }
      }
#pragma unroll
      for (int ahead = 0; ahead < kAhead; ++ahead) {
        if (Step(ahead) < steps_) AddStep(rows[ahead], asked_[ahead]);
      }
      next_ += kAhead * kWarps;
      Ask();
    }
  }

  float sums[kRowTiles][kTiles][4] = {};

 private:
  __device__ int Step(int ahead) const { return next_ + ahead * kWarps; }

  __device__ void Ask() {
#pragma unroll
    for (int ahead = 0; ahead < kAhead; ++ahead) {
      if (Step(ahead) >= steps_) continue;
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        asked_[ahead][tile] =
            *reinterpret_cast<const uint4*>(weights_[tile] + static_cast<int64_t>(Step(ahead)) * kInStep);
      }
    }
  }

  __device__ void AddStep(const uint4 (&rows)[2 * kRowTiles], const uint4 (&weights)[kTiles]) {
#pragma unroll
    for (int tile = 0; tile < kRowTiles; ++tile) {
      const uint4 upper = rows[2 * tile], lower = rows[2 * tile + 1];
      const uint32_t first[4] = {upper.x, lower.x, upper.y, lower.y},
                     second[4] = {upper.z, lower.z, upper.w, lower.w};
#pragma unroll
      for (int of = 0; of < kTiles; ++of) {
        MultiplyTile(sums[tile][of], first, {weights[of].x, weights[of].y});
        MultiplyTile(sums[tile][of], second, {weights[of].z, weights[of].w});
      }
    }
  }

  const uint16_t* weights_[kTiles];
  int steps_, in_, next_;
  uint4 asked_[kAhead][kTiles];
};

// What the warps have come to: [warp][row][output of the block].
template <int kTiles, int kWarps>
struct Partial {
  static constexpr int kOutputs = kTiles * kOutStep;
  // Eight numbers between the rows that a warp writes at once keep them in different banks of the memory, where it has room.
  static constexpr int kStride = kTiles == 1 || kWarps > 8 ? kOutputs : kOutputs + 8;
  float sums[kWarps][kRows][kStride];

  __device__ void Put(const Product<kTiles, kWarps>& product) {
#pragma unroll
    for (int rows = 0; rows < kRowTiles; ++rows) {
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          sums[Warp()][rows * 16 + i / 2 * 8 + Lane() / 4][tile * kOutStep + Lane() % 4 * 2 + i % 2] =
              product.sums[rows][tile][i];
        }
      }
    }
  }
  __device__ float Sum(int row, int output) const {
    float sum = 0.0f;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) sum += sums[warp][row][output];
    return sum;
  }
};

// x A^T of the adapted rows, rounded; of the others zero.
template <int kWarps>
__device__ void Reduce(const LinearCall& call, Partial<2, kWarps>& partial,
                       uint16_t (&reduced)[kRows][kMostRank]) {
  static_assert(kRankStep == 2 * kOutStep);
  for (int first = 0; first < call.rank; first += kRankStep) {
    const uint16_t* a = call.a + static_cast<int64_t>(first + Lane() / 4) * call.in;
    Product<2, kWarps> product({a, a + static_cast<int64_t>(kOutStep) * call.in}, call.in);
    product.Add(call.x);
    partial.Put(product);
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kRankStep; i += kWarps * kWarp) {
      const int row = i / kRankStep, of = i % kRankStep;
      reduced[row][first + of] = call.adapted[row] ? ToBf16(partial.Sum(row, of)) : uint16_t{0};
    }
    __syncthreads();
  }
}

__device__ float Activated(Gate gate, float x) {
  if (gate == Gate::kSilu) return x / (1.0f + expf(-x));
  // Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv 1606.08415.
  const float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
  return 0.5f * x * (1.0f + tanhf(inner));
}

// Which outputs a block makes, and what becomes of them. `Output(i)`: the row of the weights of the block's i-th; Write is called
// for each row and each of kUnits, and asks for the outputs that it needs.

// Outputs as they are.
template <int kTiles>
struct Plainly {
  using Call = LinearCall;
  static constexpr int kTilesOfBlock = kTiles, kUnits = kTiles * kOutStep;
  const LinearCall& call;

  static int Blocks(const LinearCall& call) { return (call.out + kUnits - 1) / kUnits; }
  __device__ static const LinearCall& LinearOf(const LinearCall& call) { return call; }
  __device__ int Output(int i) const {  // beyond the last one the last
    const int output = static_cast<int>(blockIdx.x) * kUnits + i;
    return output < call.out ? output : call.out - 1;
  }
  template <typename Value>
  __device__ void Write(int row, int unit, Value value) const {
    const int output = static_cast<int>(blockIdx.x) * kUnits + unit;
    if (output < call.out) call.y[static_cast<int64_t>(row) * call.out + output] = ToBf16(value(unit));
  }
};

// Half of a block's outputs are gates, the others what they are for.
template <int kTiles>
struct Gated {
  using Call = LinearCall;
  static constexpr int kTilesOfBlock = kTiles, kUnits = kTiles * kOutStep / 2;
  const LinearCall& call;

  static int Blocks(const LinearCall& call) { return (call.out / 2 + kUnits - 1) / kUnits; }
  __device__ static const LinearCall& LinearOf(const LinearCall& call) { return call; }
  __device__ int Output(int i) const {
    const int width = call.out / 2, unit = static_cast<int>(blockIdx.x) * kUnits + i % kUnits;
    return (unit < width ? unit : width - 1) + (i < kUnits ? 0 : width);
  }
  template <typename Value>
  __device__ void Write(int row, int unit, Value value) const {
    const int width = call.out / 2, of = static_cast<int>(blockIdx.x) * kUnits + unit;
    if (of >= width) return;
    const float y = Activated(call.gate, value(unit)) * value(kUnits + unit);
    call.y[static_cast<int64_t>(row) * width + of] = ToBf16(y);
  }
};

// The outputs of heads, of which queries and keys are rotated: a block has four elements of a head, and the four that a rotation
// pairs them with; or eight side by side of what is not rotated.
struct OfHeads {
  using Call = HeadsCall;
  static constexpr int kTilesOfBlock = 1, kUnits = 4;
  const HeadsCall& call;

  static int Blocks(const HeadsCall& call) { return call.linear.out / kOutStep; }
  __device__ static const LinearCall& LinearOf(const HeadsCall& call) { return call.linear; }

  // Of the block's first four elements: their head and the first one. The other four are `distance` further on.
  struct Place {
    int head, element, distance;
    bool rotated;
  };
  __device__ Place PlaceOf() const {
    const RopeSplitCall& split = call.split;
    const int of_head = split.head_dim / kOutStep, head = static_cast<int>(blockIdx.x) / of_head;
    const int part = static_cast<int>(blockIdx.x) % of_head;
    const int half = head < split.heads + split.kv_heads && split.cos != nullptr ? split.rotary_half : 0;
    if (part * 4 < half) return {head, part * 4, half, true};
    return {head, part * kOutStep, 4, false};
  }
  __device__ int Output(int i) const {
    const Place place = PlaceOf();
    return place.head * call.split.head_dim + place.element + i % kUnits + (i < kUnits ? 0 : place.distance);
  }
  template <typename Value>
  __device__ void Write(int row, int unit, Value value) const {
    const RopeSplitCall& split = call.split;
    const Place place = PlaceOf();
    // Rounded as what a product leaves, and as if the rotation were another kernel.
    float first = FromBf16(ToBf16(value(unit))), second = FromBf16(ToBf16(value(kUnits + unit)));
    const int64_t position = split.positions[row];
    if (place.rotated) {
      const int64_t at = position * split.rotary_half + place.element + unit;
      const float cos = split.cos[at], sin = split.sin[at], before = first;
      first = first * cos - second * sin;
      second = second * cos + before * sin;
    }
    const int element = place.element + unit;
    const auto write = [&](auto* to, auto converted) {
      to[element] = converted(first);
      to[element + place.distance] = converted(second);
    };
    const int key = place.head - split.heads, dim = split.head_dim;
    if (key < 0) {
      float scale = split.score_scale;
      if (split.query_scales != nullptr) scale *= split.query_scales[position];
      write(split.query + (static_cast<int64_t>(row) * split.heads + place.head) * dim,
            [scale](float x) { return x * scale; });
    } else {
      const bool is_key = key < split.kv_heads;
      const int64_t slot = split.own_slots[row] * split.kv_heads + (is_key ? key : key - split.kv_heads);
      write((is_key ? split.keys : split.values) + slot * dim, [](float x) { return ToBf16(x); });
    }
  }
};

template <typename Outputs, int kWarps, bool kAdapted>
__global__ void __launch_bounds__(kWarps* kWarp, kWarps > 8 || Outputs::kTilesOfBlock > 2 ? 1 : 2)
    MultiplyBlock(const typename Outputs::Call outputs_call) {
  constexpr int kTiles = Outputs::kTilesOfBlock;
  __shared__ union {
    Partial<kTiles, kWarps> of_weights;
    Partial<2, kWarps> of_adapter;  // before
  } partial;
  LetNextStart();
  const Outputs outputs{outputs_call};
  const LinearCall& call = Outputs::LinearOf(outputs_call);
  const uint16_t* weights[kTiles];
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    weights[tile] =
        call.weight + static_cast<int64_t>(outputs.Output(tile * kOutStep + Lane() / 4)) * call.in;
  }
  Product<kTiles, kWarps> product(weights, call.in);
  WaitForEarlier();
  product.Add(call.x);

  __shared__ uint16_t reduced[kAdapted ? kRows : 1][kAdapted ? kMostRank : 1];
  if constexpr (kAdapted) Reduce<kWarps>(call, partial.of_adapter, reduced);
  partial.of_weights.Put(product);
  __syncthreads();

  for (int i = static_cast<int>(threadIdx.x); i < kRows * Outputs::kUnits; i += kWarps * kWarp) {
    const int row = i / Outputs::kUnits;
    outputs.Write(row, i % Outputs::kUnits, [&](int of_block) {
      const int output = outputs.Output(of_block);
      float y = partial.of_weights.Sum(row, of_block);
      if (call.bias != nullptr) y += call.bias[output];
      if constexpr (kAdapted) {
        if (call.adapted[row]) {
          const uint16_t* b = call.b + static_cast<int64_t>(output) * call.rank;
          float more = 0.0f;
          for (int of_rank = 0; of_rank < call.rank; ++of_rank)
            more += FromBf16(reduced[row][of_rank]) * FromBf16(b[of_rank]);
          y += more;
        }
      }
      return y;
    });
  }
}

template <typename Outputs, int kWarps = 8>
void LaunchBlocks(const typename Outputs::Call& call, bool adapted, void* stream) {
  const dim3 blocks{static_cast<unsigned>(Outputs::Blocks(call))};
  if (adapted) {
    Launch(MultiplyBlock<Outputs, kWarps, true>, blocks, kWarps * kWarp, stream, call);
  } else {
    Launch(MultiplyBlock<Outputs, kWarps, false>, blocks, kWarps * kWarp, stream, call);
  }
}

}  // namespace

// As few outputs a block as one wave of blocks on a large device allows: a block's time is that of its latencies. Sixteen warps
// share many inputs where a block's memory has room for what they come to.
void MultiplyRows(const LinearCall& call, void* stream) {
  constexpr int kBlocksOfWave = 132, kManyInputs = 1024;
  const bool adapted = call.adapted != nullptr;
  const int tiles = call.out / kOutStep;
  if (call.gate != Gate::kNone) {
    tiles / 2 <= kBlocksOfWave ? LaunchBlocks<Gated<2>>(call, adapted, stream)
                               : LaunchBlocks<Gated<4>>(call, adapted, stream);
  } else if (tiles <= kBlocksOfWave) {
    call.in >= kManyInputs ? LaunchBlocks<Plainly<1>, 16>(call, adapted, stream)
                           : LaunchBlocks<Plainly<1>>(call, adapted, stream);
  } else if (tiles / 2 <= kBlocksOfWave) {
    LaunchBlocks<Plainly<2>>(call, adapted, stream);
  } else {
    LaunchBlocks<Plainly<4>>(call, adapted, stream);
  }
}

void ProjectHeads(const HeadsCall& call, void* stream) {
  LaunchBlocks<OfHeads>(call, call.linear.adapted != nullptr, stream);
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
