#!/usr/bin/env python3
"""Runs one peer in a process of its own, so that no peer's threads, libraries or faults meet another's.

    worker.py MODULE:CLASS JSON_ARGUMENTS

Reads one JSON object a line from standard input, {"do": METHOD, ...arguments}, and answers each with one line. The first line
says what the peer is, or why it cannot run. Standard output belongs to the answers: what libraries print goes to standard error.
"""

import dataclasses
import importlib
import json
import os
import sys

METHODS = ("generate", "prefill", "forward", "streams", "perplexity")


def plain(result):
    return dataclasses.asdict(result) if dataclasses.is_dataclass(result) else result


def serve(peer, requests, answer):
    for line in requests:
        request = json.loads(line)
        method = request.pop("do")
        if method not in METHODS:
            raise ValueError(f"no such request: {method}")
        answer({"result": plain(getattr(peer, method)(**request))})


def main():
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    module, kind = name.split(":")
    try:
        peer = getattr(importlib.import_module(module), kind)(**arguments)
    except Exception as reason:  # foreign libraries raise anything where they cannot load a model
        answer({"cannot": (str(reason).splitlines() or [type(reason).__name__])[0]})
        return
    try:
        answer({"about": peer.about(), "measures": list(peer.measures)})
        serve(peer, sys.stdin, answer)
    finally:
        peer.close()


if __name__ == "__main__":
    main()
