#!/usr/bin/env python3
"""The tables of the paper's evaluation and of the tree, in one go: runs pass-bench again and again.

    bench/paper.py --model MODEL.gguf --embeddings FILE --full FILE --out FOLDER [--quick] [--only NAME...]

`--embeddings` holds look-ahead tokens alone, the paper's method; `--full` adds adapter and head. Writes
FOLDER/NAME.json and NAME.md for each experiment, as soon as it is measured, and FOLDER/tables.md from all.
What is there already is not measured again: delete a file to repeat it, or the folder to begin anew.
bench/plot.py draws from the same files.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
UNKNOWN_TOKEN = "0"  # <|endoftext|>, which is SmolLM2's unknown token: the paper's baseline is [UNK]
TEXT_SETS = ("code", "prose")  # written for this project: the model does not know them by heart
ALL_SETS = (*TEXT_SETS, "chat")
KNOWN_SETS = ("python", "english")  # the standard library and famous books: reported beside, in no mean of the others
LENGTHS = ("pass:0", "pass:1", "pass:2", "pass:4", "pass:6", "pass:8")
SETTINGS = ("greedy", "t0.8-k10", "t1-p0.9", "t1")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run of `pass-bench compare`. `file`: embeddings, fixed or full."""

    name: str
    title: str
    file: str
    methods: tuple
    sets: tuple = ALL_SETS
    samplings: tuple = ("greedy",)
    batches: tuple = (1,)
    limit: int = 0
    repetitions: int = 2


EXPERIMENTS = [
    Experiment(
        "lengths-embeddings", "Running time against L: the paper's method", "embeddings", LENGTHS, TEXT_SETS
    ),
    Experiment("lengths-full", "Running time against L: with adapter and head", "full", LENGTHS, TEXT_SETS),
    Experiment(
        "settings-embeddings", "Sampling settings: the paper's method", "embeddings", ("pass:4",),
        samplings=SETTINGS,
    ),
    Experiment(
        "fixed-token", "Baseline: one untrained token in place of the learned ones", "fixed",
        ("pass:1", "pass:4"), TEXT_SETS, ("greedy", "t0.8-k10"), limit=24,
    ),
    Experiment(
        "methods", "All methods, with adapter and head", "full", ("pass:4", "tree", "auto"),
        samplings=("greedy", "t0.8-k10"), repetitions=3,
    ),
    Experiment(
        "methods-known", "All methods, on text that the model knows by heart", "full", ("pass:4", "tree", "auto"),
        KNOWN_SETS, ("greedy", "t0.8-k10"),
    ),
    Experiment(
        "settings-full", "Other sampling settings, with adapter and head", "full", ("pass:4", "auto"),
        samplings=("t1-p0.9", "t1"), limit=24,
    ),
    Experiment(
        "methods-embeddings", "All methods, embeddings only", "embeddings", ("auto",), TEXT_SETS,
        ("greedy", "t0.8-k10"), repetitions=3,
    ),
    Experiment(
        "sources", "Where drafts come from: look-ahead rows, the text itself, both", "full",
        ("auto:no-text", "auto:0", "auto"), TEXT_SETS, ("greedy", "t0.8-k10"), limit=24,
    ),
    Experiment(
        "batches", "Several prompts in flight", "full", ("auto",), TEXT_SETS, batches=(1, 2, 4, 8), limit=32
    ),
    Experiment(
        "hostile", "Text chosen to defeat speculation", "full", ("pass:4", "auto"), ("random_words",),
        ("t2",), repetitions=3,
    ),
]  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="GGUF file or Hugging Face folder")
    parser.add_argument("--embeddings", help="look-ahead file with embeddings alone")
    parser.add_argument("--full", help="look-ahead file with adapter and head")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder of the results")
    parser.add_argument("--build", default=REPOSITORY / "build", type=pathlib.Path, help="build folder")
    parser.add_argument("--threads", default="0", help="threads of the model; 0: one per core")
    parser.add_argument("--only", nargs="+", default=[], help="names of experiments")
    parser.add_argument("--limit", type=int, default=0, help="at most so many prompts of a set, one repetition")
    parser.add_argument("--quick", action="store_true", help="4 prompts of a set, 32 tokens, one repetition")
    return parser.parse_args()


class Runner:
    """Runs programs of the build folder and keeps what they write."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.out = arguments.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.files = {"embeddings": arguments.embeddings, "full": arguments.full}

    def wanted(self, name):
        path = self.out / f"{name}.json"
        return not path.exists() and (not self.arguments.only or name in self.arguments.only)

    def bench(self, name, command, *flags):
        """One run of pass-bench; its JSON appears under its name only when it is whole."""
        part = self.out / f"{name}.json.part"
        program = self.arguments.build / "bin" / "pass-bench"
        start = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        result = subprocess.run(
            [program, command, "--model", self.arguments.model, "--threads", self.arguments.threads,
             "--json", part, *flags],
            check=True, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        (self.out / f"{name}.md").write_text(result.stdout, encoding="utf-8")
        part.rename(self.out / f"{name}.json")
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)

    def fixed_file(self):
        """The baseline's look-ahead file, made from the model."""
        path = self.out / "fixed.safetensors"
        if not path.exists():
            tool = self.arguments.build / "tests" / "fixed_token_file"
            subprocess.run([tool, self.arguments.model, UNKNOWN_TOKEN, "8", path], check=True)
        return path

    def run(self, experiment):
        path = self.fixed_file() if experiment.file == "fixed" else self.files[experiment.file]
        if path is None:
            print(f"{experiment.name}: left out, there is no --{experiment.file}", file=sys.stderr)
            return
        quick = self.arguments.quick
        cap = 4 if quick else self.arguments.limit
        limit = min(filter(None, (cap, experiment.limit)), default=0)
        self.bench(
            experiment.name, "compare", "--lookahead-file", path,
            "--prompts", *[REPOSITORY / "bench" / "prompts" / f"{name}.txt" for name in experiment.sets],
            "--methods", *self.methods(experiment, path), "--sampling", *experiment.samplings,
            "--batch", *map(str, experiment.batches), "--limit", str(limit),
            "--tokens", "32" if quick else "128",
            "--repetitions", "1" if cap else str(experiment.repetitions),
        )  # fmt: skip

    def methods(self, experiment, path):
        """Those that the file has tokens enough for."""
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        most = header["lookahead.embeddings"]["shape"][0]
        return [name for name in experiment.methods if lookahead_of(name) <= most]

    def simulate(self):
        """What pass-train simulates for this machine's t(rows): no n-grams, proposals for nothing."""
        costs = json.loads((self.out / "cost.json").read_text())["costs"]
        prompts = REPOSITORY / "bench" / "prompts"
        print("simulation ...", file=sys.stderr, flush=True)
        result = subprocess.run(
            [self.arguments.build / "bin" / "pass-train", "eval", "--model", self.arguments.model,
             "--lookahead-file", self.files["full"], "--threads", self.arguments.threads, "--json",
             "--prompts", *[f"{name}={prompts / name}.txt" for name in TEXT_SETS],
             "--max-prompts", "4" if self.arguments.quick else str(self.arguments.limit),
             "--costs", ",".join(f"{cost['rows']}:{1e3 * cost['median_seconds']:.3f}" for cost in costs)],
            check=True, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        (self.out / "simulation.md").write_text(simulation_table(json.loads(result.stdout)), encoding="utf-8")
        (self.out / "simulation.json").write_text(result.stdout, encoding="utf-8")


def simulation_table(results):
    lines = ["| text | drawn | look-ahead rows of a group | simulated speed-up | without loops |"]
    lines.append("| --- " * 5 + "|")
    for row in results["results"]:
        speedups = [row[part]["simulated"]["speedup"] for part in ("all", "without_loops")]
        lines.append(
            f"| {row['domain']} | {row['sampling']} | {row['rows']} | {speedups[0]:.2f} | {speedups[1]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def lookahead_of(method):
    """L of a method's flag, 0 where it says none."""
    first = method.partition(":")[2].split(",")[0]
    return int(first) if first.isdigit() else 0


def write_tables(out):
    """Joins the tables that pass-bench printed."""
    titles = {
        "cost": "What a forward costs",
        "simulation": "What the drafts allow: simulated tree decoding with this machine's t(rows)",
    }
    titles |= {one.name: one.title for one in EXPERIMENTS}
    pages = [
        f"## {title}\n{(out / f'{name}.md').read_text(encoding='utf-8')}"
        for name, title in titles.items()
        if (out / f"{name}.md").exists()
    ]
    (out / "tables.md").write_text("\n".join(pages), encoding="utf-8")
    print(out / "tables.md")


def main():
    arguments = parse_arguments()
    names = {"cost", "simulation", *(experiment.name for experiment in EXPERIMENTS)}
    if unknown := set(arguments.only) - names:
        sys.exit(f"no such experiment: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
    runner = Runner(arguments)
    simulated = arguments.full and runner.wanted("simulation")
    if runner.wanted("cost") or (simulated and not (arguments.out / "cost.json").exists()):
        runner.bench("cost", "cost", *(["--repetitions", "5"] if arguments.quick else []))
    if simulated:
        runner.simulate()
    for experiment in EXPERIMENTS:
        if runner.wanted(experiment.name):
            runner.run(experiment)
    write_tables(arguments.out)


if __name__ == "__main__":
    main()
