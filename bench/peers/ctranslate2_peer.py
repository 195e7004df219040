"""CTranslate2's Generator. It has no prompt look-up and no server: `streams` is one batch, its best case."""

import json
import pathlib
import time

import ctranslate2
from peer import CannotRun, Peer, Stopwatch


class CTranslate2(Peer):
    measures = ("decode", "prefill", "streams")

    def __init__(self, folder, threads, compute_type):
        folder = pathlib.Path(folder)
        if not folder.exists():
            raise CannotRun(folder.with_name(folder.name + ".why").read_text(encoding="utf-8"))
        self.words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.generator = ctranslate2.Generator(str(folder), "cpu", compute_type=compute_type, inter_threads=1,
                                               intra_threads=threads)

    def about(self):
        return f"CTranslate2 {ctranslate2.__version__}, computes in {self.generator.compute_type}"

    def _options(self, count):
        return {"max_length": count, "min_length": count, "include_prompt_in_result": False, "sampling_topk": 1}

    def generate(self, ids, count):
        watch = Stopwatch()

        def add(step):
            watch.add([step.token_id])

        self.generator.generate_batch([[self.words[token] for token in ids]], callback=add, **self._options(count))
        return watch.completion()

    def streams(self, prompts, count):
        words = [[self.words[token] for token in ids] for ids in prompts]
        start = time.perf_counter()
        self.generator.generate_batch(words, **self._options(count))
        return time.perf_counter() - start
