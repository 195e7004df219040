#!/usr/bin/env python3
"""How pass-server behaves where it has not got the machine to itself: under a CPU quota, beside busy loops, idle, and scraped.

    .venv/bin/python bench/sharing.py --model MODEL.gguf [--lookahead-file F] [--json]

Needs root for the quota (a cgroup of its own, version 1 or 2); without it that line says so. Plain greedy decoding, medians.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from server_process import ServerProcess  # noqa: E402

PROMPT = "The last ferry of the day had already left when Marta reached the harbour, and"
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--lookahead-file")
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"))
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments

    def server(self, *flags, prefix=()):
        arguments = self.arguments
        command = [f"{arguments.bin}/pass-server", "--model", arguments.model, *flags]
        if arguments.lookahead_file:
            command += ["--lookahead-file", arguments.lookahead_file]
        return ServerProcess(command, prefix=prefix)

    def tokens_per_second(self, server):
        command = [f"{self.arguments.bin}/pass-client", "generate", "--address", server.address, "--prompt", PROMPT]
        command += ["--temperature", "0", "--ignore-eos", "--method", "plain", "--json"]
        command += ["--max-tokens", str(self.arguments.tokens)]
        speeds = []
        for _ in range(self.arguments.repetitions + 1):
            reply = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8")
            summary = json.loads(reply.stdout.splitlines()[-1])
            speeds.append((self.arguments.tokens - 1) / summary["decode_seconds"])
        return statistics.median(speeds[1:])


@contextlib.contextmanager
def cpu_quota(cpus):
    """Yields a command prefix that runs its program under this quota; None where that cannot be had."""
    version_2 = (CGROUPS / "cgroup.controllers").exists()
    group = (CGROUPS if version_2 else CGROUPS / "cpu") / f"pass-sharing-{os.getpid()}"
    try:
        group.mkdir()
        if version_2:
            (group / "cpu.max").write_text(f"{int(cpus * 100000)} 100000")
        else:
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100000)))
    except OSError as error:
        print(f"no quota: {error}", file=sys.stderr)
        yield None
        return
    try:
        yield ["sh", "-c", f'echo $$ > {group / "cgroup.procs"} && exec "$@"', "sh"]
    finally:
        group.rmdir()


@contextlib.contextmanager
def busy_loops(count):
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(server, do, seconds=10):
    """The share of a core that the server uses while `do` is called again and again."""
    before, start = cpu_seconds(server.process.pid), time.monotonic()
    while time.monotonic() < start + seconds:
        do()
    return (cpu_seconds(server.process.pid) - before) / (time.monotonic() - start)


def measure(bench):
    figures = {}
    with bench.server() as server:
        figures["ready_seconds"] = server.seconds_to_ready
        figures["alone"] = bench.tokens_per_second(server)
        figures["idle_cpu_share"] = cpu_share(server, lambda: time.sleep(0.05))
        scrapes = []

        def scrape():
            start = time.monotonic()
            server.scrape()
            scrapes.append(time.monotonic() - start)
            time.sleep(max(0.0, start + 0.05 - time.monotonic()))

        figures["cpu_share_of_20_scrapes_a_second"] = cpu_share(server, scrape)
        figures["scrape_milliseconds"] = 1000 * statistics.median(scrapes)
        with busy_loops(2):
            figures["beside_two_busy_loops"] = bench.tokens_per_second(server)
    with busy_loops(1), bench.server() as server:
        figures["ready_seconds_beside_a_busy_loop"] = server.seconds_to_ready
    with bench.server("--threads", "1") as server:
        figures["one_thread"] = bench.tokens_per_second(server)
    with cpu_quota(1) as prefix:
        if prefix is not None:
            with bench.server(prefix=prefix) as server:
                figures["ready_seconds_under_a_quota_of_one_cpu"] = server.seconds_to_ready
                figures["quota_of_one_cpu"] = bench.tokens_per_second(server)
    return figures


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    arguments = parse_arguments()
    figures = measure(Bench(arguments))
    if arguments.json:
        print(json.dumps({"cpu": cpu_name(), "cores": os.cpu_count(), **figures}))
        return
    print(f"{cpu_name()}, {os.cpu_count()} cores")
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):45} {value:8.3f}")


if __name__ == "__main__":
    main()
