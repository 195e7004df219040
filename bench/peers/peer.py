"""What the runner asks of a program that it measures. Each peer is one class in a file of its own, run by worker.py.

A peer is one program with one kind of weights and one way to decode. All of it happens in the worker's process or below it.
Token ids in, token ids out: no peer tokenises. Decoding is greedy and does not stop at an end-of-sequence token.
"""

import dataclasses
import time

# What can be measured. A peer names those that it can.
MEASURES = ("decode", "prefill", "rows", "streams", "perplexity")


class CannotRun(Exception):
    """The peer cannot run here. The text says why, and stands in the report."""


@dataclasses.dataclass
class Completion:
    """One greedy completion. `first` of its tokens came with the first piece, which ends the prefill."""

    ids: list
    first: int
    prefill_seconds: float  # from the call to the first piece
    decode_seconds: float  # from the first piece to the last token


class Peer:
    """Made and used by one thread. Other errors than CannotRun end the worker."""

    measures = ()

    def about(self):
        """What a reader must know beside the figures: version, threads, what stands in for a server. One line."""
        return ""

    def generate(self, ids, count):
        """A Completion of exactly `count` tokens."""
        raise NotImplementedError

    def prefill(self, ids):
        """Seconds of reading the prompt, up to the first token. Nothing of an earlier call may be reused."""
        return self.generate(ids, 1).prefill_seconds

    def forward(self, rows, context, repetitions):
        """For each number in `rows`, seconds of forwards over so many tokens of one sequence behind `context` tokens, each
        token's likeliest successor asked for: `repetitions` of them, or their median alone."""
        raise NotImplementedError

    def streams(self, prompts, count):
        """Seconds in which `count` tokens of each of the prompts come, all asked for at the same time."""
        raise NotImplementedError

    def perplexity(self, sets):
        """sets: {name: {"file": prompt file, "ids": [token ids of each of its first texts]}}. For each name {"perplexity":
        exp of the mean of -log p(token), "tokens": so many}, over all tokens but the first of each text."""
        raise NotImplementedError

    def close(self):
        """Ends what the peer started."""


class Stopwatch:
    """Times the pieces of one completion as they come."""

    def __init__(self):
        self.ids, self.first = [], 0
        self.start = self.first_time = self.last_time = time.perf_counter()

    def add(self, ids):
        self.last_time = time.perf_counter()
        if not self.ids:
            self.first, self.first_time = len(ids), self.last_time
        self.ids += ids

    def completion(self):
        return Completion(self.ids, self.first, self.first_time - self.start, self.last_time - self.first_time)
