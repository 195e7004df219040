"""This program without gRPC, through pass-bench: t(rows), and perplexity of a file's own blocks."""

import json
import pathlib
import subprocess
import tempfile

from peer import Peer


class PassBench(Peer):
    measures = ("rows", "perplexity")

    def __init__(self, programs, model, threads, weights=""):
        if not weights:
            self.measures = ("rows",)  # perplexity is that of --weights beside bf16
        self.programs = programs
        self.flags = ["--model", model, "--threads", threads, *(["--weights", weights] if weights else [])]

    def about(self):
        return "pass-bench"

    def _run(self, command, *flags):
        program = str(pathlib.Path(self.programs) / "pass-bench")
        done = subprocess.run([program, command, *map(str, [*self.flags, *flags])], check=True, stdout=subprocess.PIPE,
                              encoding="utf-8")
        return done.stdout

    def cost(self, rows, context, repetitions):
        """What `pass-bench cost` writes as JSON."""
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            self._run("cost", "--context", context, "--repetitions", repetitions, "--json", file.name, "--rows", *rows)
            return json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))

    def forward(self, rows, context, repetitions):
        return [[entry["median_seconds"]] for entry in self.cost(rows, context, repetitions)["costs"]]

    def perplexity(self, sets):
        figures = {}
        for name, texts in sets.items():
            table = self._run("quality", "--prompts", texts["file"], "--limit", len(texts["ids"]))
            cells = table.strip().splitlines()[-1].split("|")
            figures[name] = {"perplexity": float(cells[4]), "tokens": int(cells[2])}
        return figures
