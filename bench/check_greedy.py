#!/usr/bin/env python3
"""Greedy text of pass-server in fp32 against transformers: same weights, real models.

    .venv/bin/python bench/check_greedy.py --model MODEL [--json]

MODEL is a GGUF file or a Hugging Face folder. The server continues prompts of code and prose. The reference reads each text
with its continuation in one forward: a token agrees if it is the reference's best. At a text's first token that is not,
the gap is the reference's best logit less that of the server's token. Fails if a gap is over --tolerance.
"""

import argparse
import datetime
import json
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from client import call  # noqa: E402
from prompt_file import read_prompts  # noqa: E402
from reference_model import load_reference  # noqa: E402
from server_process import ServerProcess  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="GGUF file or Hugging Face folder")
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"), help="folder of the programs")
    parser.add_argument("--prompts", type=int, default=20, help="half of them code, half prose")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--method", default="plain")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def prompts(count):
    texts = []
    for name in ("code", "prose"):
        texts += read_prompts(REPOSITORY / "bench" / "prompts" / f"{name}.txt")[: count // 2]
    return texts


def served_texts(arguments):
    """[(token ids of the prompt, token ids of its continuation)]."""
    command = [f"{arguments.bin}/pass-server", "--model", arguments.model, "--dtype", "fp32"]
    flags = ["--temperature", "0", "--max-tokens", str(arguments.tokens), "--ignore-eos", "--method", arguments.method]
    with ServerProcess(command) as running:
        return [
            (
                call(arguments.bin, running.address, "tokenize", text=text)["token_ids"],
                call(arguments.bin, running.address, "generate", *flags, text=text)["token_ids"],
            )
            for text in prompts(arguments.prompts)
        ]


def first_difference(model, prompt, continuation):
    """(tokens that agree before it, gap in logits), or None."""
    import torch

    with torch.inference_mode():
        logits = model(torch.tensor([prompt + continuation[:-1]])).logits[0, len(prompt) - 1 :]
    for index, token in enumerate(continuation):
        gap = float(logits[index].max() - logits[index, token])
        if logits[index].argmax() != token:
            return index, gap
    return None


def main():
    arguments = parse_arguments()
    texts = served_texts(arguments)
    model = load_reference(arguments.model, "float32")
    differences = [first_difference(model, *text) for text in texts]
    found = [difference for difference in differences if difference]
    report = {
        "date": datetime.date.today().isoformat(),
        "model": pathlib.Path(arguments.model).name,
        "method": arguments.method,
        "texts": len(texts),
        "tokens": arguments.tokens,
        "equal": len(texts) - len(found),
        "first_differences": [{"token": index, "gap": round(gap, 6)} for index, gap in found],
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{report['date']}, {report['model']}, {report['method']}, fp32: {report['equal']} of {report['texts']} "
              f"texts of {report['tokens']} tokens equal transformers'")
        for index, gap in found:
            print(f"first differs at token {index}, where the two logits lie {gap:.6f} apart")
    sys.exit(any(gap > arguments.tolerance for _, gap in found))


if __name__ == "__main__":
    main()
