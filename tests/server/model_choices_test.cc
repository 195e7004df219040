#include "server/model_choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string NameOf(const std::string& model, const std::string& model_name = "") {
  ServerConfig config;
  config.model = model;
  config.model_name = model_name;
  return ServedName(config, "own name");
}

TEST(ServedName, IsTheRepositorysForASnapshotOfTheHuggingFaceCache) {
  const TemporaryFolder cache;
  const std::string commit = "12fd25f77366fa6b3b4b768ec3050bf629380bac";
  for (const char* repository : {"models--HuggingFaceTB--SmolLM2-135M", "models--gpt2"}) {
    std::filesystem::create_directories(cache.Path(repository) + "/snapshots/" + commit);
  }
  const std::string snapshot = cache.Path("models--HuggingFaceTB--SmolLM2-135M") + "/snapshots/" + commit;
  EXPECT_EQ(NameOf(snapshot), "HuggingFaceTB/SmolLM2-135M");
  EXPECT_EQ(NameOf(snapshot + "/"), "HuggingFaceTB/SmolLM2-135M");
  EXPECT_EQ(NameOf(cache.Path("models--gpt2") + "/snapshots/" + commit), "gpt2");
  std::filesystem::create_directory_symlink(snapshot, cache.Path("link"));
  EXPECT_EQ(NameOf(cache.Path("link")), "HuggingFaceTB/SmolLM2-135M");
}

TEST(ServedName, IsTheFilesOwnElsewhereAndTheUsersWhereGiven) {
  EXPECT_EQ(NameOf("model.gguf"), "own name");
  EXPECT_EQ(NameOf("snapshots/x"), "own name");
  EXPECT_EQ(NameOf("models--a--b/refs/main"), "own name");
  EXPECT_EQ(NameOf("model.gguf", "mine"), "mine");
  EXPECT_EQ(NameOf("models--a--b/snapshots/c", "mine"), "mine");
}

TEST(OverruledChoices, SayWhatHoldsInstead) {
  ServerConfig config;
  ServedModel model;
  model.info.context_length = 8192;
  model.info.num_lookahead = 4;
  model.max_sequence_tokens = 8192;
  EXPECT_THAT(OverruledChoices(config, model), IsEmpty());
  config.context_length = 9000;
  config.lookahead = 5;
  config.kv_cache_mib = 7;
  model.max_sequence_tokens = 100;
  EXPECT_THAT(OverruledChoices(config, model),
              ElementsAre(HasSubstr("--context-length 9000 is above the model's own 8192"),
                          HasSubstr("--kv-cache-mib 7 holds 100 tokens"),
                          HasSubstr("--lookahead 5 is above the 4 ")));
}

TEST(CheckMemory, RefusesKeysAndValuesThatCannotFit) {
  ServerConfig config;
  config.kv_cache_mib = 100;
  EXPECT_TRUE(CheckMemory(config, std::nullopt).ok());
  EXPECT_TRUE(CheckMemory(config, int64_t{100} << 20).ok());
  const absl::Status refused = CheckMemory(config, int64_t{99} << 20);
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("--kv-cache-mib 100"), HasSubstr("99 MiB")));
  config.kv_cache_mib = 0;
  EXPECT_THAT(std::string(CheckMemory(config, int64_t{99} << 20).message()),
              HasSubstr("--kv-cache-mib 1024"));
  config.device = "cuda";
  EXPECT_TRUE(CheckMemory(config, 0).ok());
}

}  // namespace
}  // namespace pass
