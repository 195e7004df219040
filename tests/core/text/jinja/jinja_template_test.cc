#include "core/text/jinja/jinja_template.h"

#include <random>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TemplateDict Variables() {
  const TemplateValue message(TemplateDict{{"role", TemplateValue::ServerText("user")},
                                           {"content", TemplateValue(MarkedText::User(" h\xC3\xA9 "))}});
  return {{"messages", TemplateValue(TemplateList{message, message})},
          {"n", TemplateValue(int64_t{7})},
          {"text", TemplateValue(MarkedText::User("a-b-c"))}};
}

absl::StatusOr<MarkedText> RenderMarked(std::string_view text) {
  const auto parsed = JinjaTemplate::Parse(text);
  if (!parsed.ok()) return parsed.status();
  return parsed->Render(Variables());
}

std::string Render(std::string_view text) {
  const auto rendered = RenderMarked(text);
  return rendered.ok() ? rendered->text : rendered.status().ToString();
}

std::string Error(std::string_view text) {
  const auto rendered = RenderMarked(text);
  EXPECT_FALSE(rendered.ok()) << text;
  return std::string(rendered.status().message());
}

// A template and what Jinja makes of it with trim_blocks and lstrip_blocks.
struct Written {
  const char* text;
  const char* written;
};

class JinjaTemplateWrites : public testing::TestWithParam<Written> {};

TEST_P(JinjaTemplateWrites, WhatJinjaWrites) {
  EXPECT_EQ(Render(GetParam().text), GetParam().written) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    WhiteSpace, JinjaTemplateWrites,
    testing::Values(Written{"a\n", "a"}, Written{"a\n\n", "a\n"}, Written{"a\r\nb", "a\nb"},
                    Written{"a\n  {% if 1 %}\nb\n  {% endif %}\nc", "a\nb\nc"},
                    Written{"a {%- if 1 %} b{% endif %}", "a b"},
                    Written{"a {% if 1 -%} \n b{% endif %}", "a b"}, Written{"  {{ n }}\nb", "  7\nb"},
                    Written{"a  {{- n -}}  b", "a7b"}, Written{"x\n  {%+ if 1 %}y{% endif %}", "x\n  y"},
                    Written{"{% if 1 +%}\ny{% endif %}", "\ny"}, Written{"a{# b #}\nc", "ac"},
                    Written{"x  {# b -#}  c", "x  c"}, Written{"{{ n }}  {% if 1 %}y{% endif %}", "7  y"}));

INSTANTIATE_TEST_SUITE_P(
    Expressions, JinjaTemplateWrites,
    testing::Values(Written{R"({{ 'a\n\'\"\\\t\u00e9\q' }})", "a\n'\"\\\t\xC3\xA9\\q"},
                    Written{"{{ 'a' 'b' \"c\" }}", "abc"},
                    Written{"{{ 1 + 2 * 3 - 8 // 3 }}|{{ -7 % 3 }}|{{ -7 // 2 }}", "5|2|-4"},
                    Written{"{{ 1 ~ 'a' ~ none ~ true }}", "1aNoneTrue"},
                    Written{"{{ 'a' + ' b ' | trim + 'c' }}", "abc"},
                    Written{"{{ missing }}{{ missing is defined }}{{ n is not none }}", "FalseTrue"},
                    Written{"{{ 'x' if n == 7 else 'y' }}{{ 'x' if n > 7 }}", "x"},
                    Written{"{{ not n == 7 or n != 7 and missing }}", "False"},
                    Written{
                        "{{ 'b' in text }}{{ 'z' not in text }}{{ 7 in [1, 7] }}{{ 'role' in messages[0] }}",
                        "TrueTrueTrueTrue"},
                    Written{"{{ text[1:] }}|{{ text[::-1] }}|{{ text[-1] }}|{{ messages[1:] | length }}",
                            "-b-c|c-b-a|c|1"},
                    Written{"{{ {'a': 1}['a'] }}{{ {'a': 1}.a }}{{ {'a': 1}.b is defined }}", "11False"},
                    Written{"{{ (1, 2) | length }}{{ [1, 2,] | last }}", "22"},
                    Written{"{{ n % 2 == 1 }}{{ n is odd }}", "TrueTrue"},
                    Written{"{{ text is string and text is not mapping }}", "True"}));

INSTANTIATE_TEST_SUITE_P(
    Calls, JinjaTemplateWrites,
    testing::Values(
        Written{"{{ text.split('-')[-1] }}{{ text.split('-', 1)[1] }}{{ ' a  b '.split() | length }}",
                "cb-c2"},
        Written{"{{ 'xxaxx'.strip('x') }}{{ 'xa'.lstrip('x') }}{{ 'ax'.rstrip('x') }}", "aaa"},
        Written{"{{ text.startswith('a-') and text.endswith(('x', 'c')) }}", "True"},
        Written{"{{ text.replace('-', '+') }}{{ text | replace('-', '') }}", "a+b+cabc"},
        Written{"{{ 'aB c'.upper() }}{{ 'aB c' | lower }}{{ 'aB c'.title() }}{{ 'aB' | capitalize }}",
                "AB Cab cAb CAb"},
        Written{"{{ missing | default('d') }}{{ '' | default('e', true) }}{{ n | default(1) }}", "de7"},
        Written{"{{ messages | map(attribute='role') | join(', ') }}", "user, user"},
        Written{"{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "2"},
        Written{"{{ ' 12 ' | int + 1 }}{{ range(3) | join }}{{ range(2, 0, -1) | join('-') }}", "130122-1"},
        Written{"{{ {'a': 1, 'b': 2}.items() | length }}{{ {'a': 1}.get('b', 3) }}", "23"}));

INSTANTIATE_TEST_SUITE_P(
    Statements, JinjaTemplateWrites,
    testing::Values(
        Written{"{% for m in messages %}{{ loop.index }}{{ loop.first }}{{ loop.last }};{% endfor %}",
                "1TrueFalse;2FalseTrue;"},
        Written{"{% for x in [1, 2, 3] if x != 2 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}",
                "1232"},
        Written{"{% for x in [] %}a{% else %}none{% endfor %}", "none"},
        Written{"{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"},
        Written{"{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "13"},
        Written{"{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "1"},
        Written{"{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1"},
        Written{"{% set ns = namespace(x=1) %}{% for i in [1] %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}",
                "2"},
        Written{"{% if 0 %}a{% elif n %}b{% else %}c{% endif %}", "b"},
        Written{"{% set x %}<{{ n }}>{% endset %}{{ x }}", "<7>"},
        Written{"{% set a, b = 1, 2 %}{{ b }}", "2"},
        Written{"{% macro f(a, b='x') %}{{ a }}{{ b }}{{ n }}{% endmacro %}{{ f(1) }}{{ f(2, b='y') }}",
                "1x72y7"},
        Written{"{% generation %}g{% endgeneration %}", "g"}));

TEST(JinjaTemplate, RefusesWhatItDoesNotDo) {
  for (const char* text :
       {"{% include 'x' %}", "{% endif %}", "{% raw %}{% endraw %}", "{{ n | tojson }}", "{{ n ** 2 }}",
        "{{ 1 < 2 < 3 }}", "{{ [1] }}", "{{ 1.5 }}", "{{ text.format(1) }}", "{{ missing() }}",
        "{{ '\xC3\xA9' | upper }}", "{{ n.x.y }}", "{{ missing + 'a' }}", "{{ 1 // 0 }}", "{{ f(*a) }}",
        "{{ strftime_now('%Q') }}"}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(RenderMarked(text).status()))
        << text << RenderMarked(text).status();
  }
  for (const char* text : {"{{", "{% if", "{{ 'a }}", "{% if 1 %}", "{{ 1 2 }}", "{{ ) }}", "{# a", "{{ ? }}",
                           "{% for in x %}{% endfor %}", "{{ '\\ud800' }}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(RenderMarked(text).status())) << text << RenderMarked(text).status();
  }
}

// The words go to the client and to the log, which holds nothing that a user wrote.
TEST(JinjaTemplate, RaisesExceptionsInItsOwnWordsWithoutTheUsers) {
  EXPECT_THAT(Error("{{ raise_exception('No!') }}"), EndsWith("messages: No!"));
  EXPECT_THAT(Error("{{ raise_exception('Not ' + text + ' as ' + messages[0].role) }}"),
              EndsWith("messages: Not ... as user"));
  EXPECT_THAT(Error("{{ raise_exception() }}"), EndsWith("messages"));
}

TEST(JinjaTemplate, EndsWhereATemplateWouldNot) {
  EXPECT_THAT(Error("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
              HasSubstr("steps"));
  EXPECT_THAT(Error("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), HasSubstr("deeply"));
  EXPECT_FALSE(
      RenderMarked(
          "{% set ns = namespace(x='aaaaaaaa') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}"
          "{% endfor %}")
          .ok());
  EXPECT_THAT(Error("{{ " + std::string(5000, '(') + " }}"), HasSubstr("too long"));
  EXPECT_THAT(Error("{{ " + std::string(500, '(') + "1" + std::string(500, ')') + " }}"),
              HasSubstr("deeply"));
  EXPECT_THAT(
      Error("{% set ns = namespace(x=1) %}{% for a in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}"),
      HasSubstr("deeply"));
  EXPECT_FALSE(RenderMarked("{% set ns = namespace() %}{% set ns.x = ns %}").ok());
  EXPECT_THAT(Error("{{ " + std::string(500, '-') + "1 }}"), HasSubstr("deeply"));
  std::string blocks;
  for (int i = 0; i < 5000; ++i) blocks += "{% if 1 %}";
  EXPECT_THAT(Error(blocks), HasSubstr("deeply"));
}

TEST(JinjaTemplate, KeepsWhoWroteEachByte) {
  const auto marks_of = [](const char* text) {
    const auto rendered = RenderMarked(text);
    EXPECT_TRUE(rendered.ok()) << rendered.status();
    return rendered->marks;
  };
  EXPECT_EQ(marks_of("x{{ text }}y"), "SUUUUUS");
  EXPECT_EQ(marks_of("{{ '<' + messages[0].content | trim + '>' }}"), "SUUUS");
  EXPECT_EQ(marks_of("{{ text.split('-')[0] ~ text[2:] }}"), "UUUU");
  EXPECT_EQ(marks_of("{{ text | replace('-', '++') }}"), "USSUSSU");
  EXPECT_EQ(marks_of("{% set x %}<{{ text | upper }}{% endset %}{{ x }}{{ [text, text] | join(',') }}"),
            "SUUUUUUUUUUSUUUUU");
  EXPECT_EQ(marks_of("{% for c in text %}{{ c }}{% endfor %}{{ text[::-1] }}"), "UUUUUUUUUU");
}

TEST(JinjaTemplate, NeverCrashesOnRandomTemplates) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> parts = {
      "{{ ",      " }}",      "{% ", " %}",      "if ", "else", "endif", "for x in ", "endfor",
      "set x = ", "messages", "[0]", ".content", "'a'", "(",    ")",     "[",         "]",
      ":",        "-",        "|",   "trim",     "1",   "+",    "text",  ".split(",   "macro f(",
      "endmacro", "x",        ",",   "{",        "}",   "not ", " in ",  "\n"};
  for (int i = 0; i < 20'000; ++i) {
    std::string text = "{{ ";
    for (size_t n = random() % 14; n > 0; --n) text += parts[random() % parts.size()];
    text += " }}";
    const auto rendered = RenderMarked(text);
    if (!rendered.ok()) continue;
    ASSERT_EQ(rendered->text.size(), rendered->marks.size()) << text;
  }
}

}  // namespace
}  // namespace pass
