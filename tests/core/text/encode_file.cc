// encode_file MODEL [--control | --bos]: reads a list of input files on stdin, one path a line, and writes for each
// the ids of its bytes to PATH.ids as little-endian int32. A test tool: scripts compare these ids with
// another tokenizer's. Prints the encoder's speed on stderr.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "core/text/text_model.h"

namespace pass {
namespace {

int EncodeFiles(const std::string& model_path, bool parse_control, bool with_bos) {
  const auto model = LoadTextModel(model_path);
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return 1;
  }
  size_t num_bytes = 0;
  std::chrono::duration<double> elapsed{0};
  for (std::string path; std::getline(std::cin, path);) {
    std::ifstream input(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    const auto begin = std::chrono::steady_clock::now();
    auto ids = model->tokenizer->Encode(text, parse_control);
    elapsed += std::chrono::steady_clock::now() - begin;
    num_bytes += text.size();
    if (!input || !ids.ok()) {
      std::cerr << path << ": " << (input ? ids.status().ToString() : "cannot be read") << "\n";
      return 1;
    }
    if (with_bos && model->tokenizer->add_bos()) ids->insert(ids->begin(), *model->tokenizer->bos());
    std::ofstream output(path + ".ids", std::ios::binary);
    output.write(reinterpret_cast<const char*>(ids->data()),
                 static_cast<std::streamsize>(ids->size() * sizeof(TokenId)));
    if (!output.flush()) {
      std::cerr << path << ".ids: cannot be written\n";
      return 1;
    }
  }
  std::fprintf(stderr, "%.1f MB in %.2f s: %.1f MB/s\n", num_bytes / 1e6, elapsed.count(),
               num_bytes / 1e6 / std::max(elapsed.count(), 1e-9));
  return 0;
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  const std::string_view option = argc == 3 ? argv[2] : "";
  if (argc < 2 || argc > 3 || (argc == 3 && option != "--control" && option != "--bos")) {
    std::cerr << "usage: encode_file MODEL [--control | --bos] < LIST_OF_FILES\n";
    return 2;
  }
  return pass::EncodeFiles(argv[1], option == "--control", option == "--bos");
}
