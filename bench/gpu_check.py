#!/usr/bin/env python3
"""Tests and measures a build of pass-bench on a device, section by section; scripts/gpu_check.sh builds and calls it.

Every section has a limit, which grows with that of the whole. What it found is written to OUT/gpu_check.json as soon as it ends, so that a run that is cut off
leaves what was measured before. At the end the same stands in one table, on stdout and in OUT/gpu_check.md.
"""

import argparse
import json
import math
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
USUAL_LIMIT = 290  # seconds of the whole, those of building included
ROWS = (1, 2, 4, 8, 16, 32, 48, 64)
METHODS = ("pass", "tree", "auto")
# Of the programs that prove a device; the others test what runs on the CPU.
DEVICE_TESTS = ("cuda_kernels_test", "device_test", "row_invariance_test", "methods_test")
# Kernels that start before those ahead of them have ended (core/model/backend/cuda/kernels/language.h): off as they are, and
# tested and timed here beside that.
EARLY_STARTS = {"PASS_CUDA_EARLY_STARTS": "1"}


class CutOff(Exception):
    """A program ran out of its time."""


class Skipped(Exception):
    """A section that cannot run here, and why."""


def clamp(value, low, high):
    return max(low, min(high, int(value)))


def tokens_that_fit(seconds, forward_seconds, forwards_per_token, high):
    """Tokens of a text, so that all texts together take about so long."""
    return clamp(seconds / (forward_seconds * forwards_per_token), 8, high)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else 0.0


def count_gtest(output):
    """(passed, names of failed tests, finished) of a GoogleTest program's output, which may be cut off."""
    passed = len(re.findall(r"^\[       OK \] ", output, re.MULTILINE))
    failed = re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", output, re.MULTILINE)
    return passed, failed, "[==========]" in output and " ran. (" in output


class Run:
    """What all sections share: the programs, the limits, and what was found so far."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.build = pathlib.Path(arguments.build)
        self.out = pathlib.Path(arguments.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.deadline = (arguments.started or time.time()) + arguments.limit
        self.log = open(self.out / "gpu_check.log", "w", encoding="utf-8")
        self.report = {"device": arguments.device, "model": arguments.model or "random", "sections": {}}
        self.forward_seconds = {}  # by rows

    @property
    def is_random(self):
        return not self.arguments.model

    def command(self, command, limit, environment=None):
        """(exit code, output) of a program. Raises CutOff after `limit` seconds of a usual run, or at the deadline of all."""
        limit = min(limit * max(1, self.arguments.limit / USUAL_LIMIT), self.deadline - time.time())
        if limit < 1:
            raise CutOff("no time was left")
        self.log.write("$ " + " ".join(map(str, command)) + "\n")
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", cwd=REPOSITORY, env={**os.environ, **(environment or {})},
                                   start_new_session=True)
        try:
            output = process.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0]
            self.log.write(output + "\n")
            cut_off = CutOff(f"stopped after {limit:.0f} s")
            cut_off.output = output
            raise cut_off from None
        self.log.write(output + "\n")
        self.log.flush()
        return process.returncode, output

    @property
    def on_gpu(self):
        return self.arguments.device.startswith("cuda")

    def bench(self, command, name, limit, *flags, device=None, environment=None):
        """(exit code, JSON or None, output) of a command of pass-bench on the device."""
        path = self.build / f"{name}.json"
        path.unlink(missing_ok=True)
        model = ["--model", self.arguments.model or self.build / "random-model", "--device", device or self.arguments.device]
        try:
            code, output = self.command([self.build / "bin" / "pass-bench", command, *model, "--json", path, *flags], limit,
                                        environment)
        except CutOff as cut_off:
            cut_off.json = json.loads(path.read_text()) if path.exists() else None
            raise
        return code, json.loads(path.read_text()) if path.exists() else None, output

    def lookahead(self):
        return ["--lookahead-file", self.arguments.lookahead] if self.arguments.lookahead else []

    @staticmethod
    def prompts(*names):
        return ["--prompts", *(REPOSITORY / "bench" / "prompts" / f"{name}.txt" for name in names)]

    def seconds_of(self, rows):
        """Of a forward, measured or guessed."""
        known = [count for count in self.forward_seconds if count >= rows]
        return self.forward_seconds[min(known)] if known else 0.1

    def write(self):
        (self.out / "gpu_check.json").write_text(json.dumps(self.report, indent=1) + "\n", encoding="utf-8")


def last_line(output):
    lines = output.strip().splitlines()
    return lines[-1] if lines else "no output"


def operators(run):
    """Programs of tests/core/model on the device."""
    found = {"status": "passed", "lines": [], "programs": {}}
    runs = [(name, "", {}) for name in DEVICE_TESTS]
    if run.on_gpu:
        runs += [(name, ", early starts", EARLY_STARTS) for name in DEVICE_TESTS if name != "device_test"]
    for name, how, environment in runs:
        cut_off = ""
        try:
            _, output = run.command([run.build / "tests" / name], 60,
                                    {"PASS_TEST_DEVICE": run.arguments.device, **environment})
        except CutOff as error:
            output, cut_off = getattr(error, "output", ""), f", {error}"
        passed, failed, finished = count_gtest(output)
        found["programs"][name + how] = {"passed": passed, "failed": failed, "finished": finished}
        if failed or not finished:
            found["status"] = "failed" if failed else "cut off" if cut_off else "failed"
        crash = "" if finished or cut_off else ", then it ended early: " + last_line(output)
        found["lines"].append([f"{name} on the device{how}", f"{passed} passed, {len(failed)} failed{cut_off}{crash}",
                               "all pass"])
    return found


def costs(run):
    code, figures, output = run.bench("cost", "cost", 60, *run.lookahead(), "--rows", *ROWS, "--repetitions", "20")
    if code != 0:
        return {"status": "failed", "lines": [["t(rows)", last_line(output), ""]]}
    run.forward_seconds = {cost["rows"]: cost["median_seconds"] for cost in figures["costs"]}
    one = run.forward_seconds[1]
    lines = [["t(1), a forward of one row", f"{one * 1e3:.2f} ms", ""]]
    lines += [[f"t({rows}) / t(1)", f"{seconds / one:.2f}", "at most 1.20" if rows == 16 else ""]
              for rows, seconds in run.forward_seconds.items() if rows > 1]
    # Beside it, in turns with it: the same in ATen's operators, and with kernels that start early.
    others = [("in ATen's operators, recorded", {"device": "cuda:library"}),
              ("again", {}), ("with early starts", {"environment": EARLY_STARTS})] if run.on_gpu else []
    beside = {}
    for words, how in others:
        code, of_other, output = run.bench("cost", "cost-other", 40, *run.lookahead(), "--rows", "1", "--repetitions", "20", **how)
        if code == 0:
            beside[words] = of_other["costs"][0]["median_seconds"]
        lines.append([f"t(1) {words}", f"{beside[words] * 1e3:.2f} ms" if code == 0 else last_line(output), ""])
    return {"status": "passed", "lines": lines, "figures": figures, "beside": beside}


def kernel_times(output):
    """Microseconds of each kernel that ncu profiled, by name and blocks: the median of its runs."""
    found = {}
    pattern = (r"^  .*?(\w+(?:<[^\n]*>)?)\([^\n()]*\) (\([\d, ]+\))x\([\d, ]+\), Context"
               r".*?gpu__time_duration\.sum\s+(\w+)\s+([\d.]+)")
    for name, blocks, unit, value in re.findall(pattern, output, re.MULTILINE | re.DOTALL):
        found.setdefault(f"{name} {blocks}", []).append(float(value) * {"ns": 1e-3, "us": 1, "ms": 1e3}[unit])
    return {name: statistics.median(times) for name, times in found.items()}


def kernels(run):
    """What each kernel of a step takes, by NVIDIA's profiler, which runs one after the other."""
    if not run.on_gpu or not shutil.which("ncu"):
        raise Skipped("there is no ncu" if run.on_gpu else "this is no GPU")
    model = ["--model", run.arguments.model or run.build / "random-model", "--device", run.arguments.device]
    code, output = run.command(["ncu", "--clock-control", "none", "--cache-control", "none", "--launch-skip", "100",
                                "--launch-count", "60", "--metrics", "gpu__time_duration.sum",
                                run.build / "bin" / "pass-bench", "cost", *model, *run.lookahead(), "--rows", "1",
                                "--repetitions", "1"], 60)
    times = kernel_times(output)
    if code != 0 or not times:
        return {"status": "failed", "lines": [["kernels of a step", last_line(output), ""]]}
    return {"status": "passed", "figures": times,
            "lines": [[f"kernel {name}", f"{time:.1f} microseconds", ""] for name, time in times.items()]}


def greedy(run):
    """The device's text, judged by the CPU in fp32. A tie is narrow in fp32; bf16 rounds logits to some 8 bits."""
    tokens = tokens_that_fit(8, run.seconds_of(1), 4, 64)
    found = {"status": "passed", "lines": [], "figures": {}}
    for dtype, flags in (("fp32", ["--fp32", "--tolerance", "0.01"]), ("bf16", ["--tolerance", "0.5"])):
        try:
            code, figures, output = run.bench("greedy", f"greedy-{dtype}", 45, *flags, *run.prompts("code", "prose"),
                                              "--limit", "2", "--tokens", tokens)
        except CutOff as cut_off:
            found["status"] = "cut off"
            found["lines"].append([f"greedy text in {dtype}", str(cut_off), "the CPU's"])
            continue
        if code != 0:
            found["status"] = "failed"
        if figures is None:
            found["lines"].append([f"greedy text in {dtype}", last_line(output), "the CPU's"])
            continue
        found["figures"][dtype] = figures
        same, written = (sum(entry[key] for entry in figures["sets"]) for key in ("same", "tokens"))
        gap = max(entry["largest_gap"] for entry in figures["sets"])
        found["lines"].append([f"greedy text in {dtype}, judged by the CPU in fp32",
                               f"{same} of {written} tokens, largest gap {gap:.3f} nats", "ties only"])
    return found


def identity(run):
    tokens = tokens_that_fit(20, run.seconds_of(1), 66, 48)
    lines = []

    def add(figures, note=""):
        compared = sum(entry["compared"] + entry["cut_off"] for entry in figures["results"])
        for words, chosen in (("alone", True), ("in a batch", False)):
            entries = [entry for entry in figures["results"] if entry["name"].endswith(" alone") == chosen]
            different = sum(entry["different"] for entry in entries)
            outputs = sum(entry["compared"] + entry["cut_off"] for entry in entries)
            lines.append([f"outputs that are not plain's, {words}", f"{different} of {outputs}{note}", "0"])
        return compared

    try:
        code, figures, output = run.bench("verify", "verify", 60, *run.lookahead(), *run.prompts("code", "prose"),
                                          "--limit", "4", "--count", "8", "--batch", "8", "--tokens", tokens,
                                          "--sampling", "greedy", "t0.8-k10")
    except CutOff as cut_off:
        if cut_off.json:
            add(cut_off.json, f", {cut_off}")
        return {"status": "cut off", "lines": lines or [["byte-identity", str(cut_off), "0"]], "figures": cut_off.json}
    if figures is None:
        return {"status": "failed", "lines": [["byte-identity", last_line(output), ""]]}
    add(figures)
    return {"status": "passed" if code == 0 else "failed", "lines": lines, "figures": figures}


def speed_lines(run, batch, figures):
    streams = f"{batch} stream{'s' if batch > 1 else ''}"
    plain = [cell for cell in figures["cells"] if cell["method"] == "plain"]
    by_set = ", ".join(f"{cell['set']} {cell['all']['tokens_per_second']['median']:.0f}" for cell in plain)
    rate = geometric_mean([cell["all"]["tokens_per_second"]["median"] for cell in plain if cell["set"] != "chat"])
    lines = [[f"plain, {streams}", f"{rate:.1f} tokens/s ({by_set})", "600" if batch == 1 else ""]]
    if run.is_random:  # drafts for random weights say nothing
        return lines
    for mean in figures["means"]:
        if mean["method"] == "plain":
            continue
        cells = [cell for cell in figures["cells"] if cell["method"] == mean["method"] and cell["set"] != "chat"]
        rate = geometric_mean([cell["all"]["tokens_per_second"]["median"] for cell in cells])
        tau = geometric_mean([cell["all"]["tokens_per_forward"] for cell in cells])
        wanted = "1.70" if batch == 1 and mean["method"] == "auto" else ""
        lines.append([f"{mean['method']}, {streams}",
                      f"{rate:.1f} tokens/s, {mean['speedup']:.2f} of plain, {tau:.2f} tokens a forward", wanted])
    return lines


def speed(batch):
    # (prompt sets, prompts of each): a batch of prompts is one unit.
    sets, limit = (("code", "prose", "chat"), 3) if batch == 1 else (("code", "prose"), batch)
    units = len(sets) * (limit if batch == 1 else 1) + 1  # and one to warm up

    def section(run):
        tokens = tokens_that_fit(16, run.seconds_of(batch), units * (len(METHODS) + 1), 128)
        code, figures, output = run.bench("compare", f"compare-{batch}", 60, *run.lookahead(), *run.prompts(*sets),
                                          "--limit", limit, "--batch", batch, "--tokens", tokens, "--repetitions", "1",
                                          "--warm-up", "1", "--methods", *METHODS)
        if code != 0:
            return {"status": "failed", "lines": [[f"{batch} streams", last_line(output), ""]]}
        return {"status": "passed", "lines": speed_lines(run, batch, figures), "figures": figures}

    return section


def compiled(run):
    what = "transformers compiled, static cache, graphs, 1 stream"
    code, output = run.command([sys.executable, "-c", "import transformers"], 60)
    if code != 0:
        raise Skipped("transformers is not installed")
    path = run.build / "compiled.json"
    path.unlink(missing_ok=True)
    model = run.arguments.model or run.build / "random-model"
    # On a CPU a few tokens: there it only shows that the program runs.
    size = ["--tokens", "256"] if run.arguments.device != "cpu" else ["--tokens", "8", "--repetitions", "1"]
    code, output = run.command([sys.executable, REPOSITORY / "bench" / "compiled_baseline.py", "--model", model, "--device",
                                run.arguments.device, "--json", path, *size], 150,
                               {"TORCHINDUCTOR_CACHE_DIR": str(run.build / "inductor")})
    if code != 0:
        return {"status": "failed", "lines": [[what, last_line(output), ""]]}
    figures = json.loads(path.read_text())
    return {"status": "passed", "figures": figures,
            "lines": [[what, f"{figures['tokens_per_second']:.1f} tokens/s, random weights", ""]]}


def tests(run):
    """Everything else that needs no gRPC, on the CPU of the machine; built here, so that measuring does not wait for it."""
    code, output = run.command(["cmake", "--build", run.build, "--parallel", os.cpu_count()], 300)
    if code != 0:
        return {"status": "failed", "lines": [["tests on the CPU", "they do not compile: " + last_line(output), ""]]}
    # Tests of instruction sets run on every CPU that CI has; what is about the tree needs the tree alone.
    others = "_(generic|avx2|avx512|avx512bf16)$|^policy_test$|" + "|".join(f"^{name}$" for name in DEVICE_TESTS)
    code, output = run.command(["ctest", "--test-dir", run.build, "-E", others, "--output-on-failure", "--no-tests=error",
                                "--parallel", max(1, os.cpu_count() // 2)], 120)
    summary = re.search(r"(\d+) tests failed out of (\d+)", output)
    words = f"{int(summary[2]) - int(summary[1])} of {summary[2]} programs passed" if summary else last_line(output)
    failed = re.findall(r"^\s+\d+ - (\w+) \(", output, re.MULTILINE)
    words += ", not " + ", ".join(failed) if failed else ""
    return {"status": "passed" if code == 0 else "failed", "lines": [["the other tests, on the CPU", words, "all pass"]]}


# Correct first, then fast; t(rows) before, because it says how much fits into the time.
SECTIONS = {"operators": operators, "costs": costs, "kernels": kernels, "greedy": greedy, "identity": identity,
            "speed-1": speed(1), "speed-8": speed(8), "speed-32": speed(32), "compiled": compiled, "tests": tests}


def describe_machine(run):
    import torch

    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    machine = {"cpu": cpu[1] if cpu else "unknown", "cores": os.cpu_count(), "torch": torch.__version__,
               "date": time.strftime("%Y-%m-%d", time.gmtime())}
    if run.arguments.device != "cpu":
        if not torch.cuda.is_available():
            raise SystemExit(f"error: --device {run.arguments.device}: this torch ({torch.__version__}) sees no GPU; use "
                             "--device cpu, or a CUDA build of torch on a machine with a GPU")
        device = torch.device(run.arguments.device)
        machine["gpu"] = torch.cuda.get_device_name(device)
        machine["gpu_memory_gib"] = round(torch.cuda.get_device_properties(device).total_memory / 2**30, 1)
        machine["cuda"] = torch.version.cuda
    return machine


def run_section(run, name):
    start = time.time()
    try:
        found = SECTIONS[name](run)
    except CutOff as cut_off:
        found = {"status": "cut off", "lines": [[name, str(cut_off), ""]]}
    except Skipped as reason:
        found = {"status": "skipped", "lines": [[name, f"skipped: {reason}", ""]]}
    except Exception as error:  # a fault of one section must not take the others along
        found = {"status": "failed", "lines": [[name, f"{type(error).__name__}: {error}", ""]]}
    found["seconds"] = round(time.time() - start, 1)
    run.report["sections"][name] = found
    run.write()
    print(f"gpu_check: {name}: {found['status']}, {found['seconds']} s", file=sys.stderr)


def notes(run):
    if run.arguments.device == "cpu":
        yield "This is the CPU: it shows that the check runs, and says nothing of a GPU. What is wanted holds for a GPU."
    if run.is_random:
        yield ("There was no model, so one of random weights was made, of SmolLM2-135M's shape. Not measured therefore: the "
               "speed of pass, tree and auto, and acceptance. Greedy text and byte-identity are those of random weights.")
    elif not run.arguments.lookahead:
        yield "There were no look-ahead tokens: tree and auto drafted from the text alone, pass not at all."
    for name, found in run.report["sections"].items():
        if found["status"] != "passed":
            yield f"Section {name}: {found['status']}."


def table(run):
    machine = run.report["machine"]
    words = [machine.get("gpu") or machine["cpu"], f"{machine['cores']} cores", f"torch {machine['torch']}", machine["date"]]
    lines = ["; ".join(words) + f"; model: {pathlib.Path(run.report['model']).name}.", "", "| what | found | wanted |",
             "| --- | --- | --- |"]
    lines += ["| " + " | ".join(line) + " |" for found in run.report["sections"].values() for line in found["lines"]]
    return "\n".join([*lines, "", *notes(run), ""])


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, help="build folder with bin/pass-bench and tests/")
    parser.add_argument("--out", required=True, help="folder of gpu_check.json, .md and .log")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="", help="GGUF file or Hugging Face folder; without: a random one")
    parser.add_argument("--lookahead", default="", help="look-ahead tokens of the model")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--started", type=float, help="when the limit began, in seconds since 1970; without: now")
    parser.add_argument("--limit", type=float, default=USUAL_LIMIT, help="seconds, those of building included")
    return parser.parse_args(argv)


def main():
    run = Run(parse_arguments())
    run.report["machine"] = describe_machine(run)
    if run.is_random and not (run.build / "random-model" / "tokenizer.json").exists():
        import random_model

        random_model.write_model(run.build / "random-model", "smollm2-135m")
    run.write()
    for name in run.arguments.sections:
        run_section(run, name)
    page = table(run)
    (run.out / "gpu_check.md").write_text(page, encoding="utf-8")
    print(page)
    bad = [name for name, found in run.report["sections"].items() if found["status"] not in ("passed", "skipped")]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
