"""The measurements, over all peers in turns. No process and no clock of its own: everything is asked of the peers.

In turns: for each round and each question (a prompt, a length) every peer is asked once, before the next question comes.
The order rotates, so that no peer always follows the same one. A peer that fails is left out from there on, and said so.
"""


def rotated(names, turn):
    turn %= max(1, len(names))
    return names[turn:] + names[:turn]


class Field:
    def __init__(self, peers, cannot=None, say=lambda text: None):
        """peers: {name: Peer}. `cannot`: {name: why a peer is not among them}."""
        self.peers, self.cannot, self.say = dict(peers), dict(cannot or {}), say
        self.turn = 0

    def _able(self, measure):
        return [name for name, peer in self.peers.items() if measure in peer.measures]

    def _ask(self, measure, question):
        """{name: answer} of one turn."""
        answers = {}
        for name in rotated(self._able(measure), self.turn):
            try:
                answers[name] = question(self.peers[name])
            except RuntimeError as error:
                self.say(f"{name}: {error}")
                self.cannot[name] = str(error)
                self.peers.pop(name).close()
        self.turn += 1
        return answers

    def decode(self, sets, count, rounds, warm_up):
        """{name: {set: [one list a prompt of one completion a round]}}. An interrupt (Ctrl-C) ends it with what there is.
        warm_up: prompts that are none of `sets`, completed before: what speculates also learns from them how often it is right."""
        results = {}
        try:
            for ids in warm_up:
                self.say("decode: warms up")
                self._ask("decode", lambda peer: peer.generate(ids, count))
            for _ in range(rounds):
                self._decode_round(sets, count, results)
        except KeyboardInterrupt:
            self.say("interrupted: the prompts so far count")
        return results

    def _decode_round(self, sets, count, results):
        for name_of_set, prompts in sets.items():
            for index, ids in enumerate(prompts):
                self.say(f"decode: {name_of_set} {index + 1} of {len(prompts)}")
                for name, done in self._ask("decode", lambda peer: peer.generate(ids, count)).items():
                    lists = results.setdefault(name, {}).setdefault(name_of_set, [[] for _ in prompts])
                    lists[index].append({"ids": done.ids, "first": done.first, "prefill_seconds": done.prefill_seconds,
                                         "decode_seconds": done.decode_seconds})

    def prefill(self, text, lengths, rounds):
        """{name: {length: [seconds]}}. Every round has another part of the text, so that nothing can be reused."""
        results = {}
        for turn in range(rounds + 1):
            for length in lengths if turn else [min(lengths)]:  # one turn warms up
                self.say(f"prefill: {length} tokens")
                ids = text[17 * turn:17 * turn + length]
                for name, seconds in self._ask("prefill", lambda peer: peer.prefill(ids)).items():
                    if turn:
                        results.setdefault(name, {}).setdefault(length, []).append(seconds)
        return results

    def rows(self, rows, context, repetitions, rounds):
        """{name: {number of rows: [seconds]}}."""
        results = {}
        for _ in range(rounds):
            self.say("rows")
            answers = self._ask("rows", lambda peer: peer.forward(rows, context, repetitions))
            for name, measured in answers.items():
                for count, seconds in zip(rows, measured, strict=True):
                    results.setdefault(name, {}).setdefault(count, []).extend(seconds)
        return results

    def streams(self, prompts, numbers, count, rounds):
        """{name: {number of streams: [seconds]}}, each stream with a prompt of its own."""
        results = {}
        for turn in range(rounds + 1):
            for number in numbers if turn else [min(numbers)]:  # one turn warms up
                self.say(f"streams: {number}")
                several = [prompts[(turn + i) % len(prompts)] for i in range(number)]
                for name, seconds in self._ask("streams", lambda peer: peer.streams(several, count)).items():
                    if turn:
                        results.setdefault(name, {}).setdefault(number, []).append(seconds)
        return results

    def perplexity(self, sets):
        """{name: {set: {"perplexity", "tokens"}}}."""
        return self._ask("perplexity", lambda peer: peer.perplexity(sets))

    def close(self):
        for peer in self.peers.values():
            peer.close()
