"""transformers' generate, and its prompt look-up. No server of its own is measured: `streams` is one padded batch, its best case."""

import time

import torch
import transformers
from peer import Peer, Stopwatch


class Pieces(transformers.generation.streamers.BaseStreamer):
    """generate() hands it the prompt, then what each step adds."""

    def __init__(self):
        self.watch, self.prompt_seen = Stopwatch(), False

    def put(self, value):
        if self.prompt_seen:
            self.watch.add(value.flatten().tolist())
        self.prompt_seen = True

    def end(self):
        pass


class Transformers(Peer):
    measures = ("decode", "prefill", "rows", "streams")

    def __init__(self, folder, threads, lookup=0):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
        self.model.generation_config.eos_token_id = None
        self.options = {"do_sample": False, "pad_token_id": 0}
        if lookup:
            self.options["prompt_lookup_num_tokens"] = lookup
            self.measures = ("decode",)

    def about(self):
        return (f"transformers {transformers.__version__}, torch {torch.__version__}, "
                f"{self.model.config._attn_implementation} attention")

    @torch.inference_mode()
    def generate(self, ids, count):
        prompt, pieces = torch.tensor([ids]), Pieces()
        self.model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, streamer=pieces,
                            **self.options)
        return pieces.watch.completion()

    @torch.inference_mode()
    def forward(self, rows, context, repetitions):
        cache = self.model(torch.full((1, context), 100), use_cache=True).past_key_values
        measured = []
        for count in rows:
            seconds = []
            for _ in range(repetitions):
                start = time.perf_counter()
                logits = self.model(torch.full((1, count), 100), past_key_values=cache, use_cache=True).logits
                logits.argmax(-1)
                seconds.append(time.perf_counter() - start)
                cache.crop(-count)
            measured.append(seconds)
        return measured

    @torch.inference_mode()
    def streams(self, prompts, count):
        longest = max(map(len, prompts))
        batch = torch.tensor([[0] * (longest - len(ids)) + ids for ids in prompts])
        mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
        start = time.perf_counter()
        self.model.generate(batch, attention_mask=mask, max_new_tokens=count, **self.options)
        return time.perf_counter() - start
