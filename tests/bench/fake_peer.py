"""A peer whose times are given, for peers_test.py: in its process, or in a worker."""

from peer import CannotRun, Completion, Peer


class FakePeer(Peer):
    """Decodes at `rate` tokens/s. `log` gets (name, what) of each call; `fails_at` is the number of the call that fails."""

    measures = ("decode", "prefill", "rows", "streams", "perplexity")

    def __init__(self, name="fake", rate=100.0, log=None, fails_at=None, cannot="", loops=False, error=RuntimeError):
        if cannot:
            raise CannotRun(cannot)
        self.name, self.rate, self.loops, self.error = name, rate, loops, error
        self.log = [] if log is None else log
        self.fails_at, self.calls, self.closed = fails_at, 0, False

    def _called(self, what):
        self.calls += 1
        self.log.append((self.name, what))
        if self.calls == self.fails_at:
            raise self.error("the worker ended")

    def about(self):
        return f"fake at {self.rate}"

    def generate(self, ids, count):
        self._called(("generate", tuple(ids)))
        print("what a library prints")  # must not reach the answers of a worker
        tokens = [7] * count if self.loops else list(range(count))
        return Completion(tokens, 2, 0.5, (count - 2) / self.rate)

    def prefill(self, ids):
        self._called(("prefill", tuple(ids)))
        return len(ids) / (10 * self.rate)

    def forward(self, rows, context, repetitions):
        return [[count / self.rate] * repetitions for count in rows]

    def streams(self, prompts, count):
        self._called(("streams", len(prompts)))
        return len(prompts) * count / self.rate

    def perplexity(self, sets):
        return {name: {"perplexity": self.rate, "tokens": sum(map(len, each["ids"]))} for name, each in sets.items()}

    def close(self):
        self.closed = True
