#!/usr/bin/env python3
"""Plain decoding of pass-server beside `transformers` generate: same weights, dtype and cores, one run.

    .venv/bin/python bench/compare_transformers.py --model MODEL.gguf [--json]

Single stream, greedy. Both sides get the same token ids and are timed in turns, prompt by prompt. Medians.
  tokens/s         new tokens / seconds from the call to the last token, prompt included
  decode tokens/s  new tokens after the first / seconds after the first
The server is timed by its own clock (its gRPC call begins to its last token), transformers around `generate`.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from client import call  # noqa: E402
from reference_model import load_reference  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROMPTS = [
    'def binary_search(items, target):\n    """Return the index of target in the sorted list, or -1."""\n',
    "#include <vector>\n\n// Returns the sum of the squares of all even numbers.\nint SumOfEvenSquares(",
    "SELECT customers.name, COUNT(orders.id) AS order_count\nFROM customers\n",
    'class Stack:\n    """A last-in, first-out container."""\n\n    def __init__(self):\n',
    "The last ferry of the day had already left when Marta reached the harbour, and",
    "Bread rises because yeast eats the sugar in the dough and gives off",
    "The city council voted on Tuesday night to close the old market hall, a decision that",
    "Electric cars store their energy in batteries made of many small cells, which",
]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument(
        "--bin", default=str(REPOSITORY / "build" / "bin"), help="folder of pass-server and pass-client"
    )
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument(
        "--repeat", type=int, default=3, help="rounds over all prompts, after one that warms up"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads and cores of each side")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of Markdown")
    return parser.parse_args()


def running_server(arguments):
    """A server without look-ahead tokens: nothing of PaSS takes part."""
    command = [f"{arguments.bin}/pass-server", "--model", arguments.model, "--threads", str(arguments.threads)]
    return ServerProcess(command)


class Server:
    """The served side, through pass-client."""

    def __init__(self, arguments, address):
        self.folder = arguments.bin
        self.address = address
        self.tokens = arguments.tokens

    def token_ids(self, text):
        return call(self.folder, self.address, "tokenize", text=text)["token_ids"]

    def run(self, text):
        """(seconds in all, decode seconds, token ids)."""
        flags = ["--temperature", "0", "--max-tokens", str(self.tokens), "--ignore-eos", "--method", "plain"]
        summary = call(self.folder, self.address, "generate", *flags, text=text)
        return summary["total_seconds"], summary["decode_seconds"], summary["token_ids"]


class Transformers:
    """The other side, in this process."""

    def __init__(self, arguments):
        import torch

        self.torch = torch
        self.tokens = arguments.tokens
        self.model = load_reference(arguments.model, "bfloat16")
        self.attention = self.model.config._attn_implementation
        self.dtype = str(self.model.dtype).removeprefix("torch.")

    def run(self, ids):
        class FirstToken:
            """generate() hands it the prompt, then each token."""

            calls, time = 0, 0.0

            def put(self, _):
                self.calls += 1
                if self.calls == 2:
                    self.time = time.perf_counter()

            def end(self):
                pass

        first = FirstToken()
        prompt = self.torch.tensor([ids])
        start = time.perf_counter()
        with self.torch.inference_mode():
            output = self.model.generate(
                prompt,
                attention_mask=self.torch.ones_like(prompt),
                do_sample=False,
                max_new_tokens=self.tokens,
                streamer=first,
            )
        end = time.perf_counter()
        return end - start, end - first.time, output[0, len(ids) :].tolist()


def read_bandwidth(threads):
    """GB/s of a sum over 1 GiB, the best of five."""
    import torch

    torch.set_num_threads(threads)
    array = torch.ones(2**28)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        array.sum()
        seconds.append(time.perf_counter() - start)
    return array.numel() * array.element_size() / min(seconds) / 1e9


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        match = re.search(r"model name\s*:\s*(.*)", cpuinfo.read())
    return match[1] if match else platform.processor()


def common_prefix(left, right):
    for count, (a, b) in enumerate(zip(left, right)):
        if a != b:
            return count
    return min(len(left), len(right))


def measure(arguments):
    import torch
    import transformers

    load = os.getloadavg()[0]
    if load > 0.5:
        print(
            f"warning: load average {load:.1f}: other programs share the cores; both sides suffer unequally",
            file=sys.stderr,
        )
    bandwidth = read_bandwidth(arguments.threads)
    reference = Transformers(arguments)
    samples = {"pass-server": [], "transformers": []}
    agreed = []
    with running_server(arguments) as running:
        address = running.address
        server = Server(arguments, address)
        prompts = [(text, server.token_ids(text)) for text in PROMPTS]
        for round_number in range(arguments.repeat + 1):
            for text, ids in prompts:
                ours, theirs = server.run(text), reference.run(ids)
                if round_number == 0:  # the first round warms both up
                    agreed.append(common_prefix(ours[2], theirs[2]))
                    continue
                for name, (total, decode, tokens) in (("pass-server", ours), ("transformers", theirs)):
                    assert len(tokens) == arguments.tokens
                    samples[name].append((len(tokens) / total, (len(tokens) - 1) / decode))
    report = {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "threads": arguments.threads,
        "load_average_before": load,
        "read_gb_per_second": round(bandwidth, 1),
        "model": pathlib.Path(arguments.model).name,
        "dtype": reference.dtype,
        "torch_version": torch.__version__,
        "transformers_version": transformers.__version__,
        "transformers_attention": reference.attention,
        "prompts": len(PROMPTS),
        "new_tokens": arguments.tokens,
        "rounds": arguments.repeat,
        "common_tokens_median": statistics.median(agreed),
    }
    for name, rates in samples.items():
        totals, decodes = zip(*rates)
        report[name] = {
            "tokens_per_second": statistics.median(totals),
            "tokens_per_second_least": min(totals),
            "tokens_per_second_most": max(totals),
            "decode_tokens_per_second": statistics.median(decodes),
        }
    for key in ("tokens_per_second", "decode_tokens_per_second"):
        report[f"{key}_ratio"] = report["pass-server"][key] / report["transformers"][key]
    return report


def markdown(report):
    lines = [
        f"{report['date']}, {report['cpu']}, {report['threads']} threads, "
        f"memory read {report['read_gb_per_second']} GB/s; "
        f"torch {report['torch_version']}, "
        f"transformers {report['transformers_version']} ({report['transformers_attention']} attention).",
        f"{report['model']} in {report['dtype']}, single stream, greedy, {report['prompts']} prompts x "
        f"{report['new_tokens']} tokens, medians of {report['rounds']} round(s) in turns.",
        "",
        "| | tokens/s | least to most | decode tokens/s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name in ("pass-server", "transformers"):
        side = report[name]
        label = "pass-server, plain" if name == "pass-server" else "transformers generate"
        lines.append(
            f"| {label} | {side['tokens_per_second']:.1f} | {side['tokens_per_second_least']:.1f} to "
            f"{side['tokens_per_second_most']:.1f} | {side['decode_tokens_per_second']:.1f} |"
        )
    lines.append(
        f"| ratio | {report['tokens_per_second_ratio']:.2f} | "
        f"| {report['decode_tokens_per_second_ratio']:.2f} |"
    )
    lines += [
        "",
        f"Both gave the same first {report['common_tokens_median']:.0f} of {report['new_tokens']} tokens "
        "(median over the prompts): bf16 rounds in another order.",
    ]
    return "\n".join(lines)


def main():
    arguments = parse_arguments()
    # Before torch is loaded; the server inherits it: both sides get the same cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    report = measure(arguments)
    print(json.dumps(report) if arguments.json else markdown(report))


if __name__ == "__main__":
    main()
