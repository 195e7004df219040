#!/usr/bin/env python3
"""Tokens/s of transformers with torch.compile, a static cache and CUDA graphs: what a model of this shape reaches without a
server, to stand beside pass-bench's figures of the same machine.

    python3 bench/compiled_baseline.py --model MODEL [--device cuda] [--tokens 256] [--json FILE]

MODEL is a Hugging Face folder or a GGUF file of a Llama. Only its shape is read: weights are random, which changes no time.
One stream, greedy, bf16; the token stays on the device from step to step, so nothing waits for it. Compiling is not timed.
"""

import argparse
import inspect
import json
import pathlib
import statistics
import struct
import time

# What the formats of a GGUF file's metadata are read with, by their number; 8 is a string, 9 a list.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class GgufReader:
    """The metadata of a GGUF file, lists left out (but for the length of the vocabulary)."""

    def __init__(self, file):
        self.file = file

    def number(self, kind):
        return struct.unpack("<" + kind, self.file.read(struct.calcsize("<" + kind)))[0]

    def text(self):
        return self.file.read(self.number("Q")).decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind != 9:
            return self.number(SCALARS[kind])
        of, count = self.number("I"), self.number("Q")
        if of in SCALARS:
            self.file.seek(count * struct.calcsize("<" + SCALARS[of]), 1)
        else:
            for _ in range(count):
                self.value(of)
        return count

    def metadata(self):
        if self.file.read(4) != b"GGUF":
            raise SystemExit("error: not a GGUF file: name one, or a Hugging Face folder")
        self.number("I")
        self.number("Q")
        return {self.text(): self.value(self.number("I")) for _ in range(self.number("Q"))}


def gguf_config(path):
    """What transformers calls the sizes of a GGUF file's Llama."""
    with open(path, "rb") as file:
        metadata = GgufReader(file).metadata()
    if metadata["general.architecture"] != "llama":
        raise SystemExit(f"error: {path} is a {metadata['general.architecture']}: only a Llama's shape is read")
    heads = metadata["llama.attention.head_count"]
    return dict(hidden_size=metadata["llama.embedding_length"], intermediate_size=metadata["llama.feed_forward_length"],
                num_hidden_layers=metadata["llama.block_count"], num_attention_heads=heads,
                num_key_value_heads=metadata.get("llama.attention.head_count_kv", heads),
                vocab_size=metadata.get("llama.vocab_size", metadata["tokenizer.ggml.tokens"]),
                max_position_embeddings=metadata["llama.context_length"], tie_word_embeddings=True)


def make_model(path, device):
    import torch
    import transformers

    if path.is_file():
        config = transformers.LlamaConfig(**gguf_config(path))
    else:
        config = transformers.AutoConfig.from_pretrained(path)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return model.eval()


def measure(arguments):
    """Seconds of each repetition."""
    import torch
    from transformers import StaticCache

    device = torch.device(arguments.device)
    model = make_model(pathlib.Path(arguments.model), device)
    steps = arguments.tokens * (arguments.repetitions + 1) + 8
    cache = StaticCache(config=model.config, max_cache_len=arguments.context + steps)
    takes_position = "cache_position" in inspect.signature(model.forward).parameters  # in older releases
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def forward(tokens, position):
        extra = {"cache_position": position} if takes_position else {}
        return model(tokens, past_key_values=cache, use_cache=True, **extra).logits[:, -1].argmax(-1, keepdim=True)

    step = torch.compile(forward, mode="reduce-overhead")
    with torch.no_grad():
        token = forward(torch.zeros(1, arguments.context, dtype=torch.long, device=device),
                        torch.arange(arguments.context, device=device))
        position = torch.tensor([arguments.context], device=device)

        def run(count):
            nonlocal token
            for _ in range(count):
                torch.compiler.cudagraph_mark_step_begin()
                token = step(token, position).clone()  # the graph's output is overwritten by its next run
                position.add_(1)
            wait()

        run(8)  # compiles, captures, and runs what was captured
        seconds = []
        for _ in range(arguments.repetitions + 1):
            start = time.perf_counter()
            run(arguments.tokens)
            seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True, help="Hugging Face folder or GGUF file")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--context", type=int, default=64, help="tokens of the prompt")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    start = time.perf_counter()
    seconds = measure(arguments)
    import torch
    import transformers

    report = {"tokens_per_second": round(arguments.tokens / statistics.median(seconds), 1),
              "least": round(arguments.tokens / max(seconds), 1), "most": round(arguments.tokens / min(seconds), 1),
              "tokens": arguments.tokens, "context": arguments.context, "device": arguments.device, "dtype": "bfloat16",
              "torch": torch.__version__, "transformers": transformers.__version__,
              "seconds_in_all": round(time.perf_counter() - start, 1)}
    print(json.dumps(report))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
