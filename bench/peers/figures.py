"""What the results of run.py come to: medians, rates, means, ratios."""

import json
import math
import statistics

from prompts import is_looping


def load(folder, measure):
    """The sessions of one measurement, oldest first."""
    paths = sorted(folder.glob(f"{measure}-*.json"), key=lambda path: int(path.stem.rsplit("-", 1)[1]))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def peers_of(sessions):
    """{name: what is said of a peer}; a session may have had a part of the peers alone."""
    return {name: peer for session in sessions for name, peer in session["peers"].items()}


def merged(results):
    """Samples of several sessions as those of one: lists of samples grow, whatever they are filed under."""
    first = results[0]
    if isinstance(first, dict):
        keys = dict.fromkeys(key for result in results for key in result)
        return {key: merged([result[key] for result in results if key in result]) for key in keys}
    if isinstance(first, list) and first and isinstance(first[0], list):  # one list of samples a prompt
        return [merged(list(samples)) for samples in zip(*results, strict=True)]
    return [sample for result in results for sample in result] if isinstance(first, list) else results[-1]


def decode_rate(prompts):
    """(tokens/s or None, looping completions): of each prompt the median of its rounds, over the prompts' sums. Tokens of the
    first piece belong to the prefill. Completions that loop are left out: they flatter what speculates."""
    tokens = seconds = loops = 0
    for rounds in filter(None, prompts):  # an interrupted session leaves prompts out
        if is_looping(rounds[0]["ids"]):
            loops += 1
            continue
        tokens += statistics.median(len(each["ids"]) - each["first"] for each in rounds)
        seconds += statistics.median(each["decode_seconds"] for each in rounds)
    return (tokens / seconds if seconds else None), loops


def decode_rates(result):
    """{peer: {set: tokens/s or None}}, with "mean", the geometric one of code and prose, and "loops", how many were left out."""
    rates = {}
    for name, sets in result.items():
        pairs = {name_of_set: decode_rate(prompts) for name_of_set, prompts in sets.items()}
        row = {name_of_set: rate for name_of_set, (rate, _) in pairs.items()}
        row["mean"] = math.sqrt(row["code"] * row["prose"]) if row.get("code") and row.get("prose") else None
        row["loops"] = sum(loops for _, loops in pairs.values())
        rates[name] = row
    return rates


def prefill_rates(result):
    """{peer: {length: tokens/s}}."""
    return {name: {length: int(length) / statistics.median(seconds) for length, seconds in lengths.items()}
            for name, lengths in result.items()}


def row_milliseconds(result):
    """{peer: {rows: milliseconds}}, medians."""
    return {name: {rows: 1000 * statistics.median(seconds) for rows, seconds in measured.items()}
            for name, measured in result.items()}


def stream_rates(result, tokens):
    """{peer: {streams: tokens/s of all together}}, prompts included."""
    return {name: {number: int(number) * tokens / statistics.median(seconds) for number, seconds in measured.items()}
            for name, measured in result.items()}
