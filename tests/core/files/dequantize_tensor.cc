// dequantize_tensor FILE.gguf [TENSOR]: writes the tensor as float32 to stdout; without a name, decodes every tensor of the
// file and prints the speed. A test tool: scripts compare these values with another decoder's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/dequantize.h"
#include "core/files/gguf.h"

namespace pass {
namespace {

std::vector<float> Decode(const TensorView& tensor) {
  std::vector<float> values(CountElements(tensor.shape).value());
  Dequantize(tensor.type, tensor.data, values);
  return values;
}

int WriteTensor(const GgufFile& file, std::string_view name) {
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name != name) continue;
    const std::vector<float> values = Decode(tensor);
    const bool written = std::fwrite(values.data(), sizeof(float), values.size(), stdout) == values.size();
    return written && std::fflush(stdout) == 0 ? 0 : 1;
  }
  std::cerr << file.path() << ": no tensor " << name << "\n";
  return 1;
}

// Room is made once, so that the time is the decoder's.
int TimeAll(const GgufFile& file) {
  size_t largest = 0, total = 0, bytes = 0;
  for (const TensorView& tensor : file.tensors()) {
    const size_t count = CountElements(tensor.shape).value();
    largest = std::max(largest, count);
    total += count;
    bytes += tensor.data.size();
  }
  std::vector<float> room(largest);
  const auto begin = std::chrono::steady_clock::now();
  for (const TensorView& tensor : file.tensors()) {
    Dequantize(tensor.type, tensor.data, std::span(room).first(CountElements(tensor.shape).value()));
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  std::printf("%.1f MB, %.1f million values in %.2f s\n", bytes / 1e6, total / 1e6, elapsed.count());
  return 0;
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: dequantize_tensor FILE.gguf [TENSOR]\n";
    return 2;
  }
  const auto file = pass::GgufFile::Open(argv[1]);
  if (!file.ok()) {
    std::cerr << file.status() << "\n";
    return 1;
  }
  return argc == 3 ? pass::WriteTensor(**file, argv[2]) : pass::TimeAll(**file);
}
