#!/usr/bin/env python3
"""Draws what run.py measured of one stream: tokens/s of every peer, mean of code and prose.

    plot.py FOLDER --out docs/peers.png
"""

import argparse
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from figures import decode_rates, load, merged, peers_of  # noqa: E402
from plot_style import STYLE  # noqa: E402

OURS, THEIRS, SPECULATES = "#1b7f5c", "#8c96a8", 0.55


def bars(rates):
    """[(name, tokens/s)], the slowest first, those without a mean left out."""
    return sorted(((name, row["mean"]) for name, row in rates.items() if row["mean"]), key=lambda pair: pair[1])


def draw(sessions):
    rates = bars(decode_rates(merged([session["result"] for session in sessions])))
    figure, axis = pyplot.subplots(figsize=(8.4, 0.24 * len(rates) + 1.2))
    peers = peers_of(sessions)
    for i, (name, rate) in enumerate(rates):
        ours, plain = name.startswith("pass-server"), peers[name]["decoding"] == "plain"
        axis.barh(i, rate, color=OURS if ours else THEIRS, alpha=1 if plain else SPECULATES, height=0.72)
        axis.text(rate, i, f" {rate:.0f}", va="center", fontsize=8)
    axis.set_yticks(range(len(rates)), [name for name, _ in rates], fontsize=8)
    axis.set_ylim(-0.6, len(rates) - 0.4)
    axis.grid(False)
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)
    figure.suptitle("Tokens/s of one greedy stream, mean of code and prose (pale: speculative)", x=0.01, ha="left",
                    fontsize=11, fontweight="bold")
    subject = sessions[0]["subject"]
    figure.text(0.01, 0.01, f"{sessions[0]['tokens']} tokens a completion; {subject['cpu']}, {subject['threads']} threads, memory "
                f"reads {subject['memory_read_gb_per_second']:.0f} GB/s, {sessions[0]['date']}", fontsize=7, color="#606060")
    figure.tight_layout(rect=(0, 0.025, 1, 1))
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path, help="results of run.py")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    sessions = load(arguments.folder, "decode")
    if not sessions:
        parser.error(f"{arguments.folder} has no decode-N.json: run scripts/peers.sh first")
    with matplotlib.rc_context(STYLE):
        draw(sessions).savefig(arguments.out, dpi=110, metadata={"Software": None})
    print(arguments.out)


if __name__ == "__main__":
    main()
