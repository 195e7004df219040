#!/usr/bin/env python3
"""Measures the peers beside this program in one run. scripts/peers.sh sets them up and calls it.

    run.py --model MODEL.gguf --folder build/peers --programs build/bin [--results RESULTS] [--only MEASURE ...] [--peers REGEX]

FOLDER holds what convert.py made. Every measurement writes FOLDER/RESULTS/MEASURE-N.json, N the next free number: a measurement
may be spread over sessions, and report.py puts them together. The machine must be idle meanwhile.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(REPOSITORY / "scripts")]
from catalogue import entries  # noqa: E402
from field import Field  # noqa: E402
from pass_bench_peer import PassBench  # noqa: E402
from peer import MEASURES, CannotRun  # noqa: E402
from prompt_file import read_prompts  # noqa: E402
from prompts import FOLDER as PROMPTS  # noqa: E402
from prompts import Tokenizer, choose, encoded_sets, long_text  # noqa: E402
from remote_peer import RemotePeer  # noqa: E402

ROWS = [1, 4, 8, 16, 32]
# Of this program: continues prompts that say whether its plain completion loops.
CHOOSER = "pass-server bf16, plain"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="GGUF file that all weights come from")
    parser.add_argument("--folder", required=True, type=pathlib.Path, help="of the converted models and the results")
    parser.add_argument("--results", default="results", help="folder of the results in FOLDER")
    parser.add_argument("--programs", default=str(REPOSITORY / "build" / "bin"), help="folder of pass-server and pass-bench")
    parser.add_argument("--lookahead-file", default="", help="look-ahead tokens of this program's auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument("--peers", default="", help="regular expression of the names")
    parser.add_argument("--limit", type=int, nargs=3, default=[4, 4, 2], help="prompts of code, prose and chat")
    parser.add_argument("--tokens", type=int, default=64, help="of a completion")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 2048], help="tokens of a prompt for prefill")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--texts", type=int, default=20, help="texts of each set for perplexity")
    return parser.parse_args()


def start(entry, logs):
    """(entry, peer or None, why not)."""
    name = re.sub(r"\W+", "-", entry.name)
    environment = {**os.environ, "OMP_NUM_THREADS": str(entry.arguments["threads"]), "TRANSFORMERS_VERBOSITY": "error"}
    try:
        return entry, RemotePeer(entry.kind, entry.arguments, logs / f"{name}.log", environment), None
    except (CannotRun, RuntimeError) as reason:
        return entry, None, str(reason)


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.results = arguments.folder / arguments.results
        self.results.mkdir(parents=True, exist_ok=True)
        settings = argparse.Namespace(**{**vars(arguments), "folder": str(arguments.folder.resolve())})
        self.logs = arguments.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        everything = list(entries(settings))
        self.entries = [entry for entry in everything if re.search(arguments.peers, entry.name)]
        self.chooser = next(entry for entry in everything if entry.name == CHOOSER)

    def start(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            started = list(pool.map(lambda entry: start(entry, self.logs), self.entries))
        peers = {entry.name: peer for entry, peer, _ in started if peer}
        cannot = {entry.name: reason for entry, _, reason in started if reason}
        for name, reason in cannot.items():
            print(f"{name}: {reason}", file=sys.stderr)
        return Field(peers, cannot, say=lambda text: print(text, file=sys.stderr))

    def tokenizer(self):
        return Tokenizer(self.arguments.folder / "BF16.gguf", self.arguments.folder / "hf")

    def chosen(self):
        """{"sets": the bench prompts, looping completions left out, "warm_up": the next ones of code and prose}. The choice is
        kept for later sessions."""
        tokens, limit = self.arguments.tokens, self.arguments.limit
        path = self.arguments.folder / f"prompts-{tokens}-{'-'.join(map(str, limit))}.json"
        if not path.exists():
            path.write_text(json.dumps(self._choose(tokens, limit)), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    def _choose(self, tokens, limit):
        tokenizer = self.tokenizer()
        sets, warm_up = {}, []
        chooser = RemotePeer(self.chooser.kind, self.chooser.arguments, self.logs / "chooser.log")
        try:
            for (name, prompts), most in zip(encoded_sets(tokenizer, read_prompts).items(), limit, strict=True):
                found = choose(chooser, prompts, most + 1, tokens, tokenizer.ends)
                sets |= {name: found[:most]} if most else {}
                warm_up += found[most:] if name != "chat" else []
        finally:
            chooser.close()
        return {"sets": sets, "warm_up": warm_up}

    def measure(self, field, what):
        arguments = self.arguments
        if what == "decode":
            chosen = self.chosen()
            return field.decode(chosen["sets"], arguments.tokens, arguments.rounds, chosen["warm_up"])
        if what == "prefill":
            return field.prefill(long_text(self.tokenizer(), read_prompts), arguments.lengths, arguments.rounds)
        if what == "rows":
            return field.rows(ROWS, 256, 10, arguments.rounds)
        if what == "streams":
            sets = self.chosen()["sets"]
            prompts = [ids for name in ("code", "prose") for ids in sets[name]]
            return field.streams(prompts, arguments.streams, arguments.tokens, arguments.rounds)
        sets = encoded_sets(self.tokenizer(), read_prompts)
        return field.perplexity({name: {"file": str(PROMPTS / f"{name}.txt"), "ids": ids[:arguments.texts]}
                                 for name, ids in sets.items()})

    def subject(self):
        """CPU, bandwidth, load: what pass-bench says of the machine."""
        bench = PassBench(self.arguments.programs, self.arguments.model, self.arguments.threads)
        return bench.cost([1], 16, 1)["subject"]

    def write(self, what, field, subject, result):
        numbers = range(1, 1000)
        path = next(path for n in numbers if not (path := self.results / f"{what}-{n}.json").exists())
        about = {name: peer.about() for name, peer in field.peers.items()}
        document = {
            "measure": what,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "subject": subject,
            "tokens": self.arguments.tokens,
            "peers": {entry.name: {"weights": entry.weights, "decoding": entry.decoding, "about": about.get(entry.name, "")}
                      for entry in self.entries},
            "cannot": field.cannot,
            "result": result,
        }
        path.write_text(json.dumps(document), encoding="utf-8")
        print(path)


def main():
    run = Run(parse_arguments())
    subject = run.subject()
    field = run.start()
    try:
        for what in run.arguments.only:
            run.write(what, field, subject, run.measure(field, what))
    finally:
        field.close()


if __name__ == "__main__":
    main()
