#!/usr/bin/env python3
"""Draws what bench/paper.py measured: running time against L, and acceptance at each position.

    bench/plot.py FOLDER --out docs    reads lengths-embeddings.json and lengths-full.json, writes two SVGs
"""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (the backend comes first)
from plot_style import STYLE  # noqa: E402

SETS = {"code": "code tasks", "prose": "plain prose"}
FILES = {
    "lengths-embeddings": ("embeddings only", "#8c6bb1", "o"),
    "lengths-full": ("with adapter and head", "#1b7f5c", "s"),
}


def load(folder):
    """Name of the file's experiment -> its JSON, for those that are there."""
    paths = {name: folder / f"{name}.json" for name in FILES}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def cells(results, name):
    """Method `pass` on one prompt set, by L."""
    rows = [cell for cell in results["cells"] if cell["set"] == name and cell["method"] == "pass"]
    return sorted(rows, key=lambda cell: cell["lookahead"])


def caption(figure, experiments):
    subjects = [experiment["subject"] for experiment in experiments.values()]
    subject = subjects[0]
    bandwidth = " and ".join(sorted({f"{each['memory_read_gb_per_second']:.0f}" for each in subjects}))
    date = " and ".join(sorted({each["date"] for each in subjects}))
    figure.text(
        0.01,
        0.01,
        f"{subject['model']}, {subject['dtype']}, greedy; {subject['cpu']}, {subject['threads']} threads, "
        f"memory reads {bandwidth} GB/s, {date}",
        fontsize=7,
        color="#606060",
    )


def panels(title):
    figure, axes = pyplot.subplots(1, 2, figsize=(8.4, 3.7), sharey=True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    for axis, words in zip(axes, SETS.values(), strict=True):
        axis.set_title(words, fontsize=10)
    return figure, dict(zip(SETS, axes, strict=True))


def plot_running_time(experiments):
    """Seconds over plain decoding's, with the least and the most of the repetitions."""
    figure, axes = panels("Running time of Algorithm 1 against the number of look-ahead tokens")
    for file, results in experiments.items():
        label, color, marker = FILES[file]
        for name, axis in axes.items():
            rows = cells(results, name)
            lengths = [row["lookahead"] for row in rows]
            speedups = [row["all"]["speedup"] for row in rows]
            axis.plot(
                lengths, [1 / each["median"] for each in speedups], color=color, marker=marker, label=label
            )
            axis.fill_between(
                lengths,
                [1 / each["most"] for each in speedups],
                [1 / each["least"] for each in speedups],
                color=color,
                alpha=0.15,
                linewidth=0,
            )
            axis.set_xticks(lengths)
    for axis in axes.values():
        axis.axhline(1, color="#404040", linewidth=1, linestyle=(0, (4, 3)), label="plain decoding")
        axis.set_xlabel("L")
        axis.set_ylim(bottom=0)
    axes["code"].set_ylabel("time / plain's time")
    axes["prose"].legend(loc="lower left", fontsize=9)
    return figure


def plot_acceptance(experiments):
    """Accepted / proposed at each position, for the longest L."""
    figure, axes = panels("Share of drafts accepted at each position")
    width = 0.8 / len(experiments)
    for index, (file, results) in enumerate(experiments.items()):
        label, color, _ = FILES[file]
        for name, axis in axes.items():
            row = cells(results, name)[-1]
            drafted, accepted = (row["all"][f"{word}_by_position"] for word in ("drafted", "accepted"))
            shares = [a / d if d else 0 for a, d in zip(accepted, drafted, strict=True)]
            offset = (index - (len(experiments) - 1) / 2) * width
            positions = range(1, len(shares) + 1)
            axis.bar(
                [each + offset for each in positions],
                shares,
                width,
                color=color,
                label=f"{label}, L = {row['lookahead']}",
            )
            axis.set_xticks(range(1, row["lookahead"] + 1))
            axis.set_xlabel("position of the draft")
    axes["code"].set_ylabel("accepted / proposed")
    axes["prose"].legend(loc="upper right", fontsize=9)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path, help="what bench/paper.py wrote")
    parser.add_argument("--out", type=pathlib.Path, default="docs", help="folder of the pictures")
    arguments = parser.parse_args()
    experiments = load(arguments.folder)
    if not experiments:
        parser.error(f"{arguments.folder} has none of {', '.join(f'{name}.json' for name in FILES)}")
    for name, results in experiments.items():
        if missing := [each for each in SETS if not cells(results, each)]:
            parser.error(f"{name}.json has no prompts of {' and '.join(missing)}: measure it again with bench/paper.py")
    arguments.out.mkdir(parents=True, exist_ok=True)
    plots = {"running_time.svg": plot_running_time, "acceptance.svg": plot_acceptance}
    with matplotlib.rc_context(STYLE):
        for name, plot in plots.items():
            figure = plot(experiments)
            caption(figure, experiments)
            figure.tight_layout(rect=(0, 0.03, 1, 1))
            figure.savefig(arguments.out / name, metadata={"Date": None})
            print(arguments.out / name)


if __name__ == "__main__":
    main()
