#include "core/files/json.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

TEST(Json, ReadsAnObject) {
  const auto json = ParseJson("a.json", R"({"a": [1, 2.5, "x", null, true], "b": {"a": -1}})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["a"][1], 2.5);
  EXPECT_EQ((*json)["b"]["a"], -1);
}

TEST(Json, RefusesADuplicateKeyAtAnyDepthButNotTheSameKeyInTwoObjects) {
  EXPECT_TRUE(ParseJson("a.json", R"({"a": {"x": 1}, "b": {"x": 1}})").ok());
  ExpectInvalid(ParseJson("a.json", R"({"x": 1, "x": 1})").status(), {"a.json", "'x'", "twice"});
  ExpectInvalid(ParseJson("a.json", R"([{"b": {"x": 1, "y": [], "x": 2}}])").status(), {"'x'", "twice"});
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{} x", "{'a': 1}", "[1,]", "{\"a\": 1e999}", "nul", "\"\xff\""}) {
    ExpectInvalid(ParseJson("a.json", text).status(), {"a.json", "not valid JSON"});
  }
}

TEST(Json, NamesTheKeyOfAValueThatOnlyPythonWrites) {
  for (const char* value : {"NaN", "Infinity", "-Infinity", "[0.0, Infinity]"}) {
    const std::string text = std::string(R"({"a": {"b": 1}, "limit": )") + value + R"(, "c": 2})";
    ExpectInvalid(ParseJson("a.json", text).status(),
                  {"a.json", "'limit'", "NaN or Infinity", "give it a number"});
  }
  ExpectInvalid(ParseJson("a.json", R"({"a": Nan})").status(), {"not valid JSON"});
}

TEST(Json, RefusesDeepNestingInsteadOfRunningOutOfStack) {
  EXPECT_TRUE(ParseJson("a.json", std::string(32, '[') + std::string(32, ']')).ok());
  ExpectInvalid(ParseJson("a.json", std::string(1000000, '[')).status(), {"a.json", "nested deeper"});
}

TEST(Json, OfAFileMustBeAnObjectOfABoundedLength) {
  const TemporaryFolder folder;
  EXPECT_TRUE(ReadJsonObject(folder.Write("a.json", "{\"a\": 1}"), /*max_bytes=*/8).ok());
  ExpectInvalid(ReadJsonObject(folder.Path("a.json"), /*max_bytes=*/7).status(),
                {"a.json", "8 bytes", "at most 7"});
  ExpectInvalid(ReadJsonObject(folder.Write("b.json", "[]"), /*max_bytes=*/8).status(),
                {"b.json", "not a JSON object"});
}

}  // namespace
}  // namespace pass
