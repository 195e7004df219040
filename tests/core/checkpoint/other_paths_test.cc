// What people name in place of a model is told apart, and the message says what to name.
#include "core/checkpoint/other_paths.h"

#include <filesystem>
#include <string>

#include "core/checkpoint/checkpoint.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

std::string TinyConfigText() { return TinyConfig(/*tied=*/false).dump(); }

TEST(OtherPaths, AnAdaptersFolderIsNamedWithTheModelToMergeItInto) {
  const TemporaryFolder folder;
  folder.Write("adapter_config.json", R"({"peft_type": "LORA", "base_model_name_or_path": "some/llama"})");
  folder.Write("adapter_model.safetensors", "x");
  ExpectInvalid(
      OpenCheckpoint(folder.path()).status(),
      {folder.path(), "an adapter (LoRA), no model; merge it into 'some/llama'", "merge_and_unload"});
  folder.Write("config.json", TinyConfigText());
  ExpectInvalid(OpenCheckpoint(folder.path()).status(), {folder.path(), "an adapter (LoRA)"});
  folder.Write("adapter_config.json", R"({"peft_type": "LORA"})");
  ExpectInvalid(OpenCheckpoint(folder.path()).status(), {folder.path(), "merge it into its model"});
}

TEST(OtherPaths, AFolderOfGgufFilesIsAnsweredWithTheFileToName) {
  const TemporaryFolder folder;
  folder.Write("README.md", "x");
  const std::string second = folder.Write("tiny-q8_0.gguf", "x");
  ExpectInvalid(OpenCheckpoint(folder.path()).status(),
                {folder.path() + ": a folder of GGUF files; name the file: " + second});
  const std::string first = folder.Write("tiny-q4_0.gguf", "x");
  folder.Write("config.json", TinyConfigText());
  ExpectInvalid(OpenCheckpoint(folder.path()).status(), {first + " or another of its 2"});
}

TEST(OtherPaths, AHubsCacheFolderIsAnsweredWithItsSnapshot) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.Path("snapshots/0123abcd"));
  ExpectInvalid(OpenCheckpoint(folder.path()).status(),
                {folder.path(), "a hub's cache folder; name the model's own: ", "snapshots/0123abcd"});
}

TEST(OtherPaths, WeightsInPyTorchsOwnFormatAreNotRead) {
  const TemporaryFolder folder;
  folder.Write("config.json", TinyConfigText());
  folder.Write("pytorch_model.bin", "x");
  ExpectInvalid(OpenCheckpoint(folder.path()).status(),
                {folder.path(), "pytorch_model.bin", "save the model as safetensors"});
  folder.Write("model.safetensors", "x");
  EXPECT_TRUE(RecogniseOtherFolder(folder.path()).ok()) << "a trainer's own .bin files lie beside weights";
}

TEST(OtherPaths, AHubsNameIsAnsweredWithHowToGetTheFolder) {
  ExpectRefused(OpenCheckpoint("SomeOrg/Tiny-Llama_1.1B").status(), absl::StatusCode::kNotFound,
                {"SomeOrg/Tiny-Llama_1.1B: no such file or folder", "nothing is downloaded here",
                 "hf download SomeOrg/Tiny-Llama_1.1B --local-dir FOLDER"});
}

TEST(OtherPaths, OtherPathsThatDoNotExistAreNoHubsNames) {
  for (const char* path :
       {"none", "./none", "../none", "/none/none", "a/b/c", "models/none.gguf", "a/", "a b/c"}) {
    EXPECT_TRUE(RecogniseHubName(path).ok()) << path;
    EXPECT_EQ(OpenCheckpoint(path).status().code(), absl::StatusCode::kNotFound) << path;
  }
}

}  // namespace
}  // namespace pass
