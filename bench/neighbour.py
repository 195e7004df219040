#!/usr/bin/env python3
"""What a stream notices of a long prompt beside it, and what the prompt notices of the stream.

    .venv/bin/python bench/neighbour.py --model MODEL.gguf [--tokens 2000] [--json]

A greedy, plain stream is read token by token, alone and while one prompt is read beside it. Then the prompt is read alone.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from server_process import ServerProcess  # noqa: E402
from client import call  # noqa: E402
from sharing import PROMPT, cpu_name  # noqa: E402

CHARACTERS_OF_A_TOKEN = 4.3
TOKENS_BEFORE = 32  # of the stream, before the prompt arrives


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"))
    parser.add_argument("--tokens", type=int, default=2000, help="of the prompt, about")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Stream:
    """A running completion; `next` returns the seconds since the last token."""

    def __init__(self, folder, address, tokens):
        command = [f"{folder}/pass-client", "generate", "--address", address, "--prompt", PROMPT, "--json"]
        command += ["--temperature", "0", "--ignore-eos", "--method", "plain", "--max-tokens", str(tokens)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        self.last = time.monotonic()

    def next(self):
        if not self.process.stdout.readline():
            raise RuntimeError("the stream ended too early: ask for fewer --tokens")
        now = time.monotonic()
        gap, self.last = now - self.last, now
        return gap

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def percentile_95(values):
    return statistics.quantiles(values, n=20)[-1]


def long_prompt(tokens, number):
    text = (REPOSITORY / "bench" / "prompts" / "english.txt").read_text(encoding="utf-8")
    wanted = int(tokens * CHARACTERS_OF_A_TOKEN)
    return (f"{number}. " + text * (1 + wanted // len(text)))[:wanted]  # no beginning that the server knows


def measure_once(folder, server, prompt, most):
    stream = Stream(folder, server.address, most)
    stream.next()
    alone = [stream.next() for _ in range(TOKENS_BEFORE)]
    reader = subprocess.Popen(
        [f"{folder}/pass-client", "generate", "--address", server.address, "--prompt-file", "-", "--json"]
        + ["--temperature", "0", "--max-tokens", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    reader.stdin.write(prompt)
    reader.stdin.close()
    beside = []
    while reader.poll() is None:
        beside.append(stream.next())
    stream.end()
    summary = json.loads(reader.stdout.read().splitlines()[-1])
    return alone, beside, summary


def measure(arguments):
    alone, beside, read_beside, read_alone, tokens = [], [], [], [], 0
    with ServerProcess([f"{arguments.bin}/pass-server", "--model", arguments.model]) as server:
        for i in range(arguments.repetitions):
            prompt = long_prompt(arguments.tokens, i)
            some, more, summary = measure_once(arguments.bin, server, prompt, TOKENS_BEFORE + arguments.tokens)
            alone += some
            beside += more
            read_beside.append(summary["prefill_seconds"])
            summary = call(
                arguments.bin, server.address, "generate", "--temperature", "0", "--max-tokens", "1", text=prompt
            )
            read_alone.append(summary["prefill_seconds"])
            tokens = summary["prompt_tokens"]
    return {
        "prompt_tokens": tokens,
        "milliseconds_between_tokens_alone_median": 1000 * statistics.median(alone),
        "milliseconds_between_tokens_alone_p95": 1000 * percentile_95(alone),
        "milliseconds_between_tokens_beside_median": 1000 * statistics.median(beside),
        "milliseconds_between_tokens_beside_p95": 1000 * percentile_95(beside),
        "tokens_of_the_stream_beside_the_prompt": len(beside) / arguments.repetitions,
        "seconds_of_the_prompt_alone": statistics.median(read_alone),
        "seconds_of_the_prompt_beside": statistics.median(read_beside),
    }


def main():
    arguments = parse_arguments()
    figures = measure(arguments)
    if arguments.json:
        print(json.dumps({"cpu": cpu_name(), **figures}))
        return
    print(cpu_name())
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):45} {value:8.2f}")


if __name__ == "__main__":
    main()
