#!/usr/bin/env python3
"""The speed-up that the board shows beside the one that pass-bench measures, on the same prompts.

    .venv/bin/python bench/board_speedup.py --model MODEL --lookahead-file F --prometheus PROGRAM [--minutes 4]

A server with its default settings gets the prompts one at a time, greedy, while a real Prometheus scrapes it and evaluates the
recording rules of the chart. pass-bench runs before and after, since a shared machine changes; its two figures are averaged.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from client import call  # noqa: E402
from prompt_file import read_prompts  # noqa: E402
from prometheus_process import PrometheusProcess  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROMPTS = REPOSITORY / "bench" / "prompts" / "code.txt"
RULES = REPOSITORY / "deploy" / "helm" / "pass-server" / "files" / "rules" / "recording.yaml"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--lookahead-file", required=True)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--limit", type=int, default=8, help="prompts")
    parser.add_argument("--minutes", type=float, default=4, help="of load; the rules look back for five")
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"))
    return parser.parse_args()


def measured(arguments, folder):
    out = pathlib.Path(folder) / "compare.json"
    command = [f"{arguments.bin}/pass-bench", "compare", "--model", arguments.model]
    command += ["--lookahead-file", arguments.lookahead_file, "--prompts", str(PROMPTS), "--methods", "auto"]
    command += ["--limit", str(arguments.limit), "--repetitions", "2", "--json", str(out)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    cells = json.loads(out.read_text(encoding="utf-8"))["cells"]
    return next(cell["all"]["speedup"]["median"] for cell in cells if cell["method"] == "auto")


def on_the_board(arguments, folder):
    prompts = read_prompts(PROMPTS)[: arguments.limit]
    command = [f"{arguments.bin}/pass-server", "--model", arguments.model]
    command += ["--lookahead-file", arguments.lookahead_file]
    with ServerProcess(command) as server:
        targets = [server.addresses["metrics"]]
        with PrometheusProcess(arguments.prometheus, pathlib.Path(folder) / "p", targets, [RULES]) as prometheus:
            end = time.monotonic() + 60 * arguments.minutes
            while time.monotonic() < end:
                for prompt in prompts:
                    call(arguments.bin, server.address, "generate", "--temperature", "0", "--max-tokens", "128",
                         text=prompt)
            coverage = prometheus.query("pass:speedup_coverage:rate5m")[0][1]
            return prometheus.query("pass:speedup:rate5m")[0][1], coverage


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        before = measured(arguments, folder)
        board, coverage = on_the_board(arguments, folder)
        after = measured(arguments, folder)
    mean = (before + after) / 2
    print(f"pass-bench {before:.2f} before, {after:.2f} after, mean {mean:.2f}; board {board:.2f} "
          f"({100 * coverage:.0f} % of the tokens compared): {100 * (board / mean - 1):+.0f} %")


if __name__ == "__main__":
    main()
