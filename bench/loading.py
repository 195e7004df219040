#!/usr/bin/env python3
"""How long pass-server takes from the start of its process to ready, and how much memory it takes on the way.

    .venv/bin/python bench/loading.py --model MODEL.gguf [--json]

The file's pages are in the page cache from the second start on; the first start warms up. Resident memory includes the pages
of libraries. The weights are all matrices at two bytes a number, the tied lm_head counted beside the embeddings.
"""

import argparse
import json
import pathlib
import statistics
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from server_process import ServerProcess  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"))
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def weight_bytes(path):
    import gguf

    sizes = {tensor.name: int(tensor.n_elements) for tensor in gguf.GGUFReader(path).tensors if len(tensor.shape) > 1}
    sizes.setdefault("output.weight", sizes["token_embd.weight"])
    return 2 * sum(sizes.values())


def memory(pid):
    """{"VmHWM": bytes at most, "VmRSS": bytes now}."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(fields[name].split()[0]) for name in ("VmHWM", "VmRSS")}


def main():
    arguments = parse_arguments()
    seconds, peaks, ready = [], [], []
    for start in range(arguments.starts + 1):
        with ServerProcess([f"{arguments.bin}/pass-server", "--model", arguments.model]) as server:
            if start == 0:
                continue
            taken = memory(server.process.pid)
            seconds.append(server.seconds_to_ready)
            peaks.append(taken["VmHWM"])
            ready.append(taken["VmRSS"])
    weights = weight_bytes(arguments.model)
    report = {
        "model": pathlib.Path(arguments.model).name,
        "seconds_to_ready": round(statistics.median(seconds), 2),
        "weights_mb": round(weights / 1e6),
        "peak_mb": round(max(peaks) / 1e6),
        "ready_mb": round(max(ready) / 1e6),
        "peak_ratio": round(max(peaks) / weights, 2),
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print("{model}: ready in {seconds_to_ready} s; weights {weights_mb} MB, at most {peak_mb} MB in memory "
              "({peak_ratio} times the weights), {ready_mb} MB when ready".format(**report))


if __name__ == "__main__":
    main()
