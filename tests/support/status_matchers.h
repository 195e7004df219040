// Checks of a status: its code, one line, and the words that must stand in it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {

inline void ExpectRefused(const absl::Status& status, absl::StatusCode code,
                          std::initializer_list<std::string_view> words) {
  EXPECT_EQ(status.code(), code) << status;
  const std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
  for (const std::string_view word : words) EXPECT_THAT(message, testing::HasSubstr(std::string(word)));
}

inline void ExpectInvalid(const absl::Status& status, std::initializer_list<std::string_view> words) {
  ExpectRefused(status, absl::StatusCode::kInvalidArgument, words);
}

}  // namespace pass
