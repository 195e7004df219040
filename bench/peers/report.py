#!/usr/bin/env python3
"""Tables of what run.py measured, as Markdown. The picture is plot.py's.

    report.py FOLDER     reads FOLDER/*.json
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from figures import (  # noqa: E402
    decode_rates, load, merged, peers_of, prefill_rates, row_milliseconds, stream_rates,
)


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def by_last(rates, key):
    """Names, the fastest first; those without a figure last."""
    return sorted(rates, key=lambda name: -(rates[name].get(key) or 0))


def decode_table(result, peers):
    rates = decode_rates(result)
    sets = list(dict.fromkeys(key for row in rates.values() for key in row if key not in ("mean", "loops")))
    rows = [[name, peers[name]["decoding"], *(number(rates[name].get(each)) for each in sets),
             f"**{number(rates[name]['mean'])}**" if rates[name]["mean"] else "", str(rates[name]["loops"])]
            for name in by_last(rates, "mean")]
    return table(["peer", "decoding", *sets, "mean of code and prose", "looping completions left out"], rows)


def rates_table(rates, unit, digits=0):
    """A column a length, or a number of streams."""
    columns = sorted({key for row in rates.values() for key in row}, key=int)
    rows = [[name, *(number(rates[name].get(each), digits) for each in columns)] for name in by_last(rates, columns[-1])]
    return table(["peer", *(f"{each} {unit}" for each in columns)], rows)


def rows_table(result):
    costs = row_milliseconds(result)
    columns = sorted({key for row in costs.values() for key in row}, key=int)
    rows = []
    for name in sorted(costs, key=lambda name: costs[name]["1"]):
        ratios = [costs[name][each] / costs[name]["1"] if each in costs[name] else None for each in ("8", "16")]
        rows.append([name, *(number(costs[name].get(each)) for each in columns), *(number(ratio, 2) for ratio in ratios)])
    return table(["peer", *columns, "t(8)/t(1)", "t(16)/t(1)"], rows)


def perplexity_table(result):
    """This program beside llama.cpp at the same file."""
    rows = []
    for name, sets in result.items():
        peer, file = name.split(" ", 1)
        other = result.get(f"llama.cpp {file}")
        if peer != "pass-bench" or other is None:
            continue
        for each, ours in sets.items():
            theirs = other[each]
            ratio = ours["perplexity"] / theirs["perplexity"]
            assert ours["tokens"] == theirs["tokens"], f"{name} and {file} read different tokens of {each}"
            rows.append([file, each, str(ours["tokens"]), number(ours["perplexity"], 3), number(theirs["perplexity"], 3),
                         number(ratio, 4)])
    return table(["file", "texts", "tokens", "this program", "llama.cpp", "ratio"], rows)


def machine(sessions):
    """One line: CPU, threads, bandwidth of each session, dates."""
    subject = sessions[0]["subject"]
    bandwidth = ", ".join(f"{each['subject']['memory_read_gb_per_second']:.0f}" for each in sessions)
    dates = f"{sessions[0]['date']} to {sessions[-1]['date']}" if len(sessions) > 1 else sessions[0]["date"]
    return f"{subject['cpu']}, {subject['threads']} threads, memory reads {bandwidth} GB/s, {dates}."


def tables_of(measure, sessions):
    result = merged([session["result"] for session in sessions])
    if measure == "decode":
        return decode_table(result, peers_of(sessions))
    if measure == "prefill":
        return rates_table(prefill_rates(result), "tokens")
    if measure == "rows":
        return rows_table(result)
    if measure == "streams":
        return rates_table(stream_rates(result, sessions[-1]["tokens"]), "streams")
    return perplexity_table(result)


TITLES = {
    "decode": "Tokens/s of one stream",
    "prefill": "Prompt tokens/s",
    "rows": "Milliseconds of a forward, by its rows",
    "streams": "Tokens/s of all streams together",
    "perplexity": "Perplexity at the same file",
}


def report(folder):
    parts, about, cannot = [], {}, {}
    for measure, title in TITLES.items():
        sessions = load(folder, measure)
        if not sessions:
            continue
        parts.append(f"## {title}\n{machine(sessions)}\n\n{tables_of(measure, sessions)}")
        for session in sessions:
            about |= {name: peer["about"] for name, peer in session["peers"].items() if peer["about"]}
            cannot |= session["cannot"]
    if cannot:
        parts.append("## What could not run\n" + table(["peer", "reason"], [[name, why] for name, why in cannot.items()]))
    parts.append("## What ran\n" + table(["peer", "through"], [[name, what] for name, what in about.items()]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(report(pathlib.Path(sys.argv[1])), end="")
