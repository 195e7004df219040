"""The check of a device, on the CPU: its figures come from the programs, it survives what fails, and it sizes its texts."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import serving

BENCH = serving.REPOSITORY / "bench"
sys.path.insert(0, str(BENCH))
import compiled_baseline  # noqa: E402
import gpu_check  # noqa: E402
import random_model  # noqa: E402


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-model")
    random_model.write_model(folder, "tiny")
    return folder


def check(out, *flags):
    command = [sys.executable, BENCH / "gpu_check.py", "--build", serving.BUILD, "--out", out, "--device", "cpu", *flags]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=serving.ENVIRONMENT, check=False)
    return done, json.loads((out / "gpu_check.json").read_text())


def test_measures_a_model_and_writes_what_it_found(tiny_model, tmp_path):
    sections = ["costs", "greedy", "identity", "speed-1"]
    done, report = check(tmp_path, "--model", tiny_model, "--sections", *sections)
    assert done.returncode == 0, done.stdout + done.stderr
    found = report["sections"]
    assert list(found) == sections
    assert {cost["rows"] for cost in found["costs"]["figures"]["costs"]} == set(gpu_check.ROWS)
    assert all(entry["same"] == entry["tokens"] for entry in found["greedy"]["figures"]["fp32"]["sets"])
    assert len(found["identity"]["figures"]["results"]) == 14
    assert {cell["method"] for cell in found["speed-1"]["figures"]["cells"]} == {"plain", *gpu_check.METHODS}
    assert re.search(r"^\| plain, 1 stream \| [0-9.]+ tokens/s", done.stdout, re.MULTILINE)
    assert (tmp_path / "gpu_check.md").read_text() in done.stdout


def test_a_section_that_fails_or_has_no_time_left_is_named_and_the_others_go_on(tmp_path):
    done, report = check(tmp_path, "--model", tmp_path / "no-model", "--sections", "costs", "identity")
    assert done.returncode == 1
    assert {name: found["status"] for name, found in report["sections"].items()} == {"costs": "failed", "identity": "failed"}
    assert "no-model" in report["sections"]["costs"]["lines"][0][1]
    assert "Section costs: failed." in done.stdout

    done, report = check(tmp_path, "--model", tmp_path / "no-model", "--sections", "costs", "--limit", "0")
    assert done.returncode == 1
    assert report["sections"]["costs"]["status"] == "cut off"


@pytest.mark.parametrize(
    "output, counts",
    [
        ("[       OK ] A.B (1 ms)\n[  FAILED  ] A.C/bf16, where GetParam() = 8-byte object <0> (2 ms)\n", (1, ["A.C/bf16"], False)),
        (
            "[==========] Running 1 test.\n[ RUN      ] A.B\n[       OK ] A.B (1 ms)\n[==========] 1 test ran. (1 ms total)\n",
            (1, [], True),
        ),
        ("[  FAILED  ] A.C (2 ms)\n[==========] 1 test ran. (9 ms total)\n[  FAILED  ] A.C\n", (0, ["A.C"], True)),
    ],
)
def test_counts_what_a_test_program_says_even_if_it_is_cut_off(output, counts):
    assert gpu_check.count_gtest(output) == counts


def test_reads_what_the_profiler_says_of_each_kernel():
    said = """==PROF== Profiling "AddRmsNormRow" - 2 (3/60): 0%....50%....100% - 1 pass
  unnamed>::AddRmsNormRow(AddRmsNormCall) (32, 1, 1)x(256, 1, 1), Context 1, Stream 7, Device 0, CC 9.0
    gpu__time_duration.sum           us         3.07

  void unnamed>::MultiplyBlock<Plainly<1>, 8, 0>(LinearCall) (72, 1, 1)x(256, 1, 1), Context 1, Stream 7, Device 0, CC 9.0
    gpu__time_duration.sum           us         5.47

  unnamed>::AddRmsNormRow(AddRmsNormCall) (32, 1, 1)x(256, 1, 1), Context 1, Stream 7, Device 0, CC 9.0
    gpu__time_duration.sum           ns         5000
"""
    assert gpu_check.kernel_times(said) == {"AddRmsNormRow (32, 1, 1)": 4.035, "MultiplyBlock<Plainly<1>, 8, 0> (72, 1, 1)": 5.47}


def test_texts_are_as_long_as_the_time_allows():
    assert gpu_check.tokens_that_fit(20, 0.01, 40, 128) == 50
    assert gpu_check.tokens_that_fit(20, 1.0, 40, 128) == 8
    assert gpu_check.tokens_that_fit(20, 0.0001, 40, 128) == 128


def test_the_baseline_reads_the_shape_of_a_gguf_file():
    shape = compiled_baseline.gguf_config(serving.model_path())
    expected = random_model.SHAPES["smollm2-135m"]
    assert {key: shape[key] for key in expected if key in shape} == {key: expected[key] for key in expected if key != "head_dim"}


def test_the_bundle_holds_every_package_that_a_build_without_grpc_looks_for():
    packages = set(re.findall(r"^  ([a-z0-9-]+)=", (serving.REPOSITORY / "scripts/gpu_bundle.sh").read_text(), re.MULTILINE))
    looked_for = (serving.REPOSITORY / "cmake/dependencies.cmake").read_text()
    looked_for = re.sub(r"if\(PASS_WITH_GRPC\)\n.*?\nendif\(\)", "", looked_for, flags=re.DOTALL)
    names = set(re.findall(r"^ *(?:find_package|pass_find_library)\((\w+)", looked_for, re.MULTILINE))
    home = {"absl": "libabsl-dev", "nlohmann_json": "nlohmann-json3-dev", "pcre2": "libpcre2-dev", "utf8proc": "libutf8proc-dev",
            "xxhash": "libxxhash-dev", "CLI11": "libcli11-dev", "GTest": "libgtest-dev"}
    of_the_compiler = {"Threads", "OpenMP"}
    assert names - of_the_compiler == set(home)
    assert set(home.values()) <= packages


def test_every_program_that_the_check_builds_is_a_target():
    script = (serving.REPOSITORY / "scripts/gpu_check.sh").read_text()
    targets = re.search(r"--target (.*)", script)[1].split()
    lists = "".join(path.read_text() for folder in ("bench", "tests") for path in (serving.REPOSITORY / folder).rglob("CMakeLists.txt"))
    for target in targets:
        assert target in lists.replace(".cc", " "), target
    assert set(gpu_check.DEVICE_TESTS) | {"pass-bench"} == set(targets)
