"""Checks the tree against rules.py, and proves on small trees that each rule bites. Standard library only."""

import pathlib
import sys
import unittest

import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", ".venv-deploy", ".venv-cuda", ".venv-peers", "__pycache__", ".pytest_cache", ".cache"}


def read_tree(root):
    tree = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if SKIPPED.intersection(parts) or parts[0].startswith("build") or not path.is_file():
            continue
        try:
            tree["/".join(parts)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a binary file: no rule speaks of its text
    return tree


class TheTree(unittest.TestCase):
    def test_obeys_every_rule(self):
        tree = read_tree(ROOT)
        self.assertIn("core/language_model/language_model.h", tree)
        violations = rules.check(tree)
        self.assertFalse(violations, "\n" + "\n".join(violations))


def including(header):
    return f'#pragma once\n#include "{header}"\n'


class TheRules(unittest.TestCase):
    def assert_bites(self, rule, tree):
        self.assertEqual(len(list(rule(tree))), 1, tree)

    def assert_silent(self, tree):
        self.assertEqual(rules.check(tree), [], tree)

    def test_arrows_point_one_way(self):
        against = {
            "core/base/a.h": "core/sampling/noise.h",
            "core/sampling/a.h": "core/language_model/language_model.h",
            "core/files/a.h": "core/text/tokenizer.h",
            "core/text/a.cc": "core/sampling/noise.h",
            "core/model/a.cc": "core/decode/decoder.h",
            "core/decode/a.cc": "core/engine/engine.h",
            "core/engine/a.cc": "core/model/load.h",
            "server/a.cc": "client/client.h",
            "server/b.cc": "proto/messages.h",
            "server/gateway/a.h": "proto/messages.h",
            "server/gateway/a.cc": "server/config.h",
            "server/dialects/one/a.cc": "server/grpc_server.h",
            "client/a.cc": "core/base/clock.h",
            "bench/a.cc": "server/service.h",
        }
        for path, header in against.items():
            self.assert_bites(rules.arrows, {path: including(header)})

    def test_arrows_allow_what_stands_to_the_right(self):
        along = {
            "core/text/a.cc": "core/files/gguf.h",
            "core/model/a.cc": "core/files/gguf.h",
            "core/decode/a.cc": "core/language_model/language_model.h",
            "core/engine/a.cc": "core/text/stream_decoder.h",
            "server/a.cc": "core/model/load.h",
            "server/b.cc": "server/gateway/gateway.h",
            "server/gateway/a.cc": "server/metrics.h",
            "server/dialects/one/a.cc": "server/gateway/gateway.h",
            "server/dialects/one/b.cc": "proto/messages.h",
            "client/a.cc": "pass_server/v1/generation.grpc.pb.h",
        }
        for path, header in along.items():
            self.assert_silent({path: including(header)})

    def test_dialects_are_apart(self):
        against = {
            "server/gateway/a.cc": "google/rpc/status.pb.h",
            "server/gateway/b.cc": "server/dialects/one/reply.h",
            "server/dialects/one/a.cc": "server/dialects/two/reply.h",
            "server/health.cc": "server/dialects/one/service.h",
        }
        for path, header in against.items():
            self.assert_bites(rules.dialects_are_apart, {path: including(header)})
        self.assert_silent({"server/dialects/one/a.cc": including("server/dialects/one/reply.h")})
        self.assert_silent({"server/main.cc": including("server/dialects/one/service.h")})

    def test_one_type_has_one_name(self):
        one = "#pragma once\nnamespace pass {\nstruct Draft {\n  int token = 0;\n};\n}  // namespace pass\n"
        for other in (
            one,
            "namespace pass {\nclass Draft final : public Base<int, 2> {\n};\n}",
            "namespace pass {\nenum class Draft : uint8_t { kOne };\n}",
            "namespace pass {\nnamespace {\nint x = f({1});\n}\nclass ABSL_LOCKABLE Draft {};\n}",
            "namespace pass {\ntemplate <typename T>\nstruct [[nodiscard]] Draft {};\n}",
        ):
            for path in ("core/model/a.h", "server/a.cc", "client/a.h", "bench/a.cc"):
                self.assert_bites(rules.one_type_one_name, {"core/decode/draft.h": one, path: other})
        for other in (
            "namespace pass {\nstruct Draft;\nenum class Draft : uint8_t;\nDraft f(struct Draft d) { return {}; }\n}",
            "namespace pass {\nnamespace {\nstruct Draft {};\n}\n}",
            "namespace pass {\nclass Source {\n  struct Draft {};\n};\n}",
            "namespace pass::bench {\nstruct Draft {};\n}",
            "namespace pass {\n// struct Draft {\nconst char* kText = \"struct Draft {\";\n}",
            "namespace pass {\nvoid f() {\n  struct Draft {};\n}\ntemplate <>\nstruct Draft<int> {};\n}",
        ):
            self.assert_silent({"core/decode/draft.h": one, "core/decode/a.cc": other})

    def test_model_is_closed(self):
        self.assert_bites(rules.model_is_closed, {"tests/server/a.cc": including("core/model/weights.h")})
        self.assert_silent({"tests/fakes/a.cc": including("core/language_model/read_out.h")})
        self.assert_silent({"tests/core/model/a.h": including("core/model/weights.h")})

    def test_torch_headers_stay_home(self):
        for header in ("torch/torch.h", "ATen/ATen.h", "c10/core/Device.h"):
            self.assert_bites(rules.torch_headers, {"server/a.cc": f"#include <{header}>\n"})
            self.assert_silent({"core/model/a.cc": f"#include <{header}>\n"})

    def test_core_is_bare(self):
        for header in ("grpcpp/grpcpp.h", "google/protobuf/message.h", "spdlog/spdlog.h", "prometheus/counter.h"):
            self.assert_bites(rules.core_is_bare, {"core/engine/a.cc": f"# include <{header}>\n"})
            self.assert_silent({"server/a.cc": f"#include <{header}>\n"})

    def test_includes_start_at_the_root(self):
        self.assert_bites(rules.no_parent_includes, {"tests/server/a.cc": including("../server/a.h")})

    def test_files_stay_short(self):
        self.assert_bites(rules.short_files, {"core/base/a.h": "\n" * 501})
        self.assert_silent({"core/base/a.h": "\n" * 500, "docs/A.md": "\n" * 900})

    def test_tests_are_built(self):
        test = {"tests/core/base/a_test.cc": ""}
        self.assert_bites(rules.every_test_is_built, test)
        self.assert_bites(rules.every_test_is_built, test | {"tests/core/base/CMakeLists.txt": "# a_test.cc\n"})
        self.assert_bites(rules.every_test_is_built, test | {"tests/core/base/CMakeLists.txt": "x(SOURCES aa_test.cc)"})
        self.assert_silent(test | {"tests/core/base/CMakeLists.txt": "pass_test(a_test SOURCES a_test.cc)"})
        self.assert_silent(test | {"tests/CMakeLists.txt": "pass_test(a SOURCES core/base/a_test.cc)"})
        self.assert_silent(test | {"tests/core/base/CMakeLists.txt": "foreach(name a_test)"})

    def test_python_tests_are_run(self):
        scripts = {"scripts/test.sh": "python_tests=(tests/e2e tests/core/*/*_test.py)", "scripts/deploy_check.sh": "pytest tests/deploy"}
        for path in ("tests/e2e/more/test_a.py", "tests/core/text/jinja/a_test.py", "tests/core/text/test_a.py", "tests/bench/a_test.py"):
            self.assert_bites(rules.every_python_test_is_run, scripts | {path: ""})
        for path in ("tests/e2e/test_a.py", "tests/core/text/a_test.py", "tests/deploy/test_a.py", "tests/tools/a.py"):
            self.assert_silent(scripts | {path: ""})

    def test_short_limits_of_time_are_found(self):
        for line in ("run(command, timeout=30)", "thread.join(10)", "end = time.monotonic() + 20", "communicate(timeout=5.5)"):
            self.assert_bites(rules.limits_are_generous, {"tests/e2e/a.py": line})
            self.assert_silent({"tests/e2e/a.py": line.replace("30", "1800").replace("10", "600").replace("20", "600").replace("5.5", "600")})
        self.assert_bites(rules.limits_are_generous, {"tests/CMakeLists.txt": "set_tests_properties(a PROPERTIES TIMEOUT 60)"})
        self.assert_silent({"tests/e2e/a.py": "run(timeout=HANG_SECONDS)\npause.wait(0.02)", "bench/a.py": "run(timeout=3)"})

    def test_settings_of_the_programs_are_left_to_users(self):
        self.assert_bites(rules.no_settings_from_scripts, {"scripts/a.sh": "export PASS_LOOKAHEAD=models/a\n"})
        self.assert_bites(rules.no_settings_from_scripts, {"tests/e2e/a.py": 'os.environ.get("PASS_MODEL")'})
        self.assert_silent({"scripts/a.sh": "TEST_MODEL=a cmake -DPASS_WITH_TORCH=OFF", "tests/e2e/a.py": '{"PASS_CONFIG": "x"}'})

    def test_machine_paths_are_found(self):
        self.assert_bites(rules.no_machine_paths, {"scripts/a.sh": "cd /home/someone/pass\n"})
        self.assert_bites(rules.no_machine_paths, {"docs/A.md": "see /tmp/x\n"})
        self.assert_silent({"scripts/a.sh": "#!/usr/bin/env bash\ncd build/tmp/x && ls /usr/bin/python3\n"})

    def test_names_that_say_nothing_are_found(self):
        for name in ("util", "common", "manager", "helper", "impl"):
            self.assert_bites(rules.plain_names, {f"core/base/string_{name}.h": ""})
        self.assert_silent({"core/base/simple.h": ""})

    def test_flags_and_metrics_are_documented(self):
        flag = {"server/config.cc": 'flags.Add("max-queue", &config->max_queue, "");'}
        metric = {"server/metric_series.cc": 'AddGauge(*registry, "requests_running", "")'}
        self.assert_bites(rules.documented, flag)
        self.assert_bites(rules.documented, metric)
        limit = {"server/grpc_server.cc": "AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);"}
        self.assert_bites(rules.documented, limit)
        self.assert_bites(rules.documented, limit | {"docs/OPERATIONS.md": "the server pings after 20 seconds without a word"})
        self.assertEqual(list(rules.documented(limit | {"docs/OPERATIONS.md": "the server pings after 30 seconds without a word"})), [])
        self.assertEqual(list(rules.documented(flag | metric | {"docs/OPERATIONS.md": "`--max-queue` `pass_requests_running`"})), [])

    def test_surprises_are_said(self):
        page = "\n".join(words for path, words in rules.SAID if path == "docs/OPERATIONS.md")
        self.assertEqual(list(rules.said({"docs/OPERATIONS.md": page})), [])
        self.assert_bites(rules.said, {"docs/OPERATIONS.md": page.replace("SIGHUP", "")})


if __name__ == "__main__":
    unittest.main()
