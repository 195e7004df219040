"""The runner's side of a worker: a peer in a process of its own."""

import json
import pathlib
import subprocess
import sys

from peer import CannotRun, Completion, Peer

WORKER = pathlib.Path(__file__).resolve().parent / "worker.py"


class RemotePeer(Peer):
    """Raises CannotRun where the peer does. Whatever else ends the worker is a RuntimeError that names the log."""

    def __init__(self, kind, arguments, log, environment=None):
        self._log = log
        with open(log, "w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, WORKER, kind, json.dumps(arguments)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", env=environment)
        try:
            hello = self._read()
            if "cannot" in hello:
                raise CannotRun(hello["cannot"])
        except (CannotRun, RuntimeError):
            self.close()
            raise
        self.measures = tuple(hello["measures"])
        self._about = hello["about"]

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended: see {self._log}")
        return json.loads(line)

    def _ask(self, method, **arguments):
        try:
            self._process.stdin.write(json.dumps({"do": method, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"the worker ended: see {self._log}") from None
        return self._read()["result"]

    def about(self):
        return self._about

    def generate(self, ids, count):
        return Completion(**self._ask("generate", ids=ids, count=count))

    def prefill(self, ids):
        return self._ask("prefill", ids=ids)

    def forward(self, rows, context, repetitions):
        return self._ask("forward", rows=rows, context=context, repetitions=repetitions)

    def streams(self, prompts, count):
        return self._ask("streams", prompts=prompts, count=count)

    def perplexity(self, sets):
        return self._ask("perplexity", sets=sets)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
