#!/usr/bin/env python3
"""How long a step of pass-train takes, beside what the machine's bf16 matrix products give in the same run.

    bench/trainer_step.py --model MODEL.gguf [--build build] [--rounds 3]

Steps and matrix products take turns; medians. A window is 160 ordinary rows and about 288 look-ahead rows: as many as 72 groups of 4.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch

FEW, MANY = 2, 14  # steps of two runs, whose difference leaves the start out
WINDOWS = 2  # of a step: one a core
RECIPES = {
    "embeddings, adapter": ["--lookahead", "4", "--anchors", "144", "--head-hidden", "0"],
    "embeddings, adapter, head": ["--lookahead", "8", "--anchors", "144", "--head-hidden", "1536"],
}


def matrix_gflops(size=2048, seconds=2.0):
    a, b = (torch.randn(size, size, dtype=torch.bfloat16) for _ in range(2))
    torch.mm(a, b)
    start, count = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        torch.mm(a, b)
        count += 1
    return 2 * size**3 * count / (time.monotonic() - start) / 1e9


def seconds_of(arguments, recipe, folder, steps):
    start = time.monotonic()
    subprocess.run(
        [arguments.build / "bin" / "pass-train", "--model", arguments.model, "--out", folder / "out", "--samples",
         folder / "samples", "--windows-per-step", str(WINDOWS), "--steps", str(steps), *recipe],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="GGUF file or Hugging Face folder")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="build folder")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    gflops, seconds = [], {name: [] for name in RECIPES}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds_of(arguments, RECIPES["embeddings, adapter"], folder, 1)  # draws the samples
        for _ in range(arguments.rounds):
            gflops.append(matrix_gflops())
            for recipe, flags in RECIPES.items():
                few, many = (seconds_of(arguments, flags, folder, steps) for steps in (FEW, MANY))
                seconds[recipe].append((many - few) / (MANY - FEW) / WINDOWS)
    print(f"bf16 matrix products: {statistics.median(gflops):.0f} GFLOP/s on {torch.get_num_threads()} threads")
    print("| learned | seconds per window |\n| --- | --- |")
    for recipe, values in seconds.items():
        print(f"| {recipe} | {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) |")


if __name__ == "__main__":
    main()
