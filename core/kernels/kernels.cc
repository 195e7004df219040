// Compiled once per instruction set, with PASS_KERNEL_ISA naming the namespace (CMakeLists.txt). Plain loops of fixed
// width that the compiler vectorises; contraction to fused multiply-add is on, so results differ between instruction
// sets in the last bits, never between rows of one.
#include "core/kernels/kernels.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/attention_kernels.h"
#include "core/kernels/lanes.h"
#include "core/kernels/linear_kernels.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

template <typename T>
void AddRmsNorm(float* residual, const T* delta, float multiplier, const float* weight, float epsilon,
                int64_t width, T* out, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    float* h = residual + row * width;
    Lanes squares = {};
    for (int64_t i = 0; i < width; i += kLanes) {
      const int64_t left = width - i;
      Lanes sum = LoadWide(h + i, left);
      if (delta != nullptr) {
        sum += multiplier * LoadWide(delta + row * width + i, left);
        StoreNarrow(sum, h + i, left);
      }
      if (weight == nullptr) StoreNarrow(sum, out + row * width + i, left);
      squares += sum * sum;
    }
    if (weight == nullptr) continue;
    const float scale = 1.0f / std::sqrt(SumLanes(squares) / static_cast<float>(width) + epsilon);
    for (int64_t i = 0; i < width; i += kLanes) {
      const int64_t left = width - i;
      StoreNarrow(LoadWide(h + i, left) * scale * LoadWide(weight + i, left), out + row * width + i, left);
    }
  }
}

template <typename T>
void NormSegments(const NormData<T>& data, int64_t begin, int64_t end) {
  const int64_t width = data.width;
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t segment = 0; segment < data.segments; ++segment) {
      T* x = data.x + row * data.stride + data.first + segment * width;
      Lanes squares = {};
      for (int64_t i = 0; i < width; i += kLanes) {
        const Lanes value = LoadWide(x + i, width - i);
        squares += value * value;
      }
      const float scale = 1.0f / std::sqrt(SumLanes(squares) / static_cast<float>(width) + data.epsilon);
      for (int64_t i = 0; i < width; i += kLanes) {
        const int64_t left = width - i;
        StoreNarrow(LoadWide(x + i, left) * scale * LoadWide(data.weight + i, left), x + i, left);
      }
    }
  }
}

// Rotates one head: pairs (x[i], x[i + half]); what is behind them is scaled alone.
template <typename T, typename U>
inline void Rotate(const T* x, const float* cos, const float* sin, int half, int head_dim, float scale,
                   U* out) {
  for (int i = 0; i < half; i += kLanes) {
    const int left = half - i;
    const Lanes a = LoadWide(x + i, left), b = LoadWide(x + half + i, left);
    const Lanes c = LoadWide(cos + i, left), s = LoadWide(sin + i, left);
    StoreNarrow((a * c - b * s) * scale, out + i, left);
    StoreNarrow((b * c + a * s) * scale, out + half + i, left);
  }
  for (int i = 2 * half; i < head_dim; i += kLanes) {
    const int left = head_dim - i;
    StoreNarrow(LoadWide(x + i, left) * scale, out + i, left);
  }
}

template <typename T>
void RopeSplit(const RopeData<T>& data, int64_t begin, int64_t end) {
  const int half = data.rotary_dim / 2, dim = data.head_dim, heads = data.heads, kv_heads = data.kv_heads;
  for (int64_t row = begin; row < end; ++row) {
    const T* in = data.qkv + row * (heads + 2 * kv_heads) * dim;
    const auto position = static_cast<int64_t>(data.positions[row]);
    const float* c = data.cos + position * half;
    const float* s = data.sin + position * half;
    const float scale =
        data.position_scales == nullptr ? data.scale : data.scale * data.position_scales[position];
    for (int h = 0; h < heads; ++h, in += dim) {
      Rotate(in, c, s, half, dim, scale, data.query + (row * heads + h) * dim);
    }
    for (int h = 0; h < kv_heads; ++h, in += dim) {
      Rotate(in, c, s, half, dim, 1.0f, data.keys + (row * kv_heads + h) * dim);
    }
    std::copy_n(in, kv_heads * dim, data.values + row * kv_heads * dim);
  }
}

template <typename T, typename F>
void Gate(F activation, const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin,
          int64_t end) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* gate = gate_up + row * 2 * ffn_width;
    const T* up = gate + ffn_width;
    T* y = out + row * ffn_width;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t left = end - i;
      StoreNarrow(activation(LoadWide(gate + i, left)) * LoadWide(up + i, left), y + i, left);
    }
  }
}

template <typename T>
void SwiGlu(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end) {
  Gate([](Lanes x) { return Silu(x); }, gate_up, rows, ffn_width, out, begin, end);
}

template <typename T>
void GeGlu(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end) {
  Gate([](Lanes x) { return GeluTanh(x); }, gate_up, rows, ffn_width, out, begin, end);
}

template <typename T>
void AddBias(T* y, const float* bias, int64_t rows, int64_t width, int64_t begin, int64_t end) {
  for (int64_t row = 0; row < rows; ++row) {
    T* out = y + row * width;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t left = end - i;
      StoreNarrow(LoadWide(out + i, left) + LoadWide(bias + i, left), out + i, left);
    }
  }
}

template <typename T>
void WidenAll(const T* in, float* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = Widen(in[i]);
}

template <typename T>
void NarrowAll(const float* in, T* out, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) StoreNarrow(LoadWide(in + i, count - i), out + i, count - i);
}

template <typename T>
constexpr Table<T> MakeTable() {
  return {.add_rms_norm = AddRmsNorm<T>,
          .norm_segments = NormSegments<T>,
          .rope_split = RopeSplit<T>,
          .attention = Attention<T>,
          .swiglu = SwiGlu<T>,
          .geglu = GeGlu<T>,
          .add_bias = AddBias<T>,
          .widen = WidenAll<T>,
          .narrow = NarrowAll<T>,
          .multiply = Multiply<T, T>,
          .multiply_to_float = Multiply<T, float>,
          .wide_inputs = kWideInputs<T>};
}

}  // namespace

extern const Table<Bf16> kBf16Table;
extern const Table<float> kFloatTable;
const Table<Bf16> kBf16Table = MakeTable<Bf16>();
const Table<float> kFloatTable = MakeTable<float>();

}  // namespace pass::kernels::PASS_KERNEL_ISA
