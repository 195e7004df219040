#!/usr/bin/env python3
"""What a stream notices of a long prompt beside it, and what the prompt notices of the stream.

    .venv/bin/python bench/neighbour.py --model MODEL.gguf [--tokens 2000] [--json]

A greedy, plain stream is read token by token, alone and while one prompt is read beside it. Then the prompt is read alone.
"""

import argparse
import concurrent.futures
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


def read_prompt(folder, server, prompt):
    return call(folder, server.address, "generate", "--temperature", "0", "--max-tokens", "1", text=prompt)


def measure(arguments):
    folder, alone, beside, read_beside, read_alone = arguments.bin, [], [], [], []
    command = [f"{folder}/pass-server", "--model", arguments.model]
    with ServerProcess(command) as server, concurrent.futures.ThreadPoolExecutor(1) as reader:
        for i in range(arguments.repetitions):
            prompt = long_prompt(arguments.tokens, i)
            stream = Stream(folder, server.address, TOKENS_BEFORE + arguments.tokens)
            stream.next()
            alone += [stream.next() for _ in range(TOKENS_BEFORE)]
            reading = reader.submit(read_prompt, folder, server, prompt)
            while not reading.done():
                beside.append(stream.next())
            stream.end()
            read_beside.append(reading.result()["prefill_seconds"])
            summary = read_prompt(folder, server, prompt)
            read_alone.append(summary["prefill_seconds"])
    return {
        "prompt_tokens": summary["prompt_tokens"],
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
