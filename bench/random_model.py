#!/usr/bin/env python3
"""Writes a model of random weights as a Hugging Face folder, to time a step where no model is at hand. Needs torch alone.

    python3 bench/random_model.py FOLDER [--shape smollm2-135m]

A Llama in bf16 with a tokenizer of single bytes. Its time for a step is that of any model of its shape; its texts say
nothing, and drafts for it are hardly ever accepted.
"""

import argparse
import ctypes
import json
import pathlib
import struct

SHAPES = {
    "smollm2-135m": dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                         num_key_value_heads=3, head_dim=64, vocab_size=49152, max_position_embeddings=8192),
    "tiny": dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, head_dim=16, vocab_size=320, max_position_embeddings=4096),
}
END = "<|end|>"
CHAT_TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant: "


def config_of(shape):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **SHAPES[shape], "hidden_act": "silu",
            "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "tie_word_embeddings": True, "attention_bias": False,
            "mlp_bias": False, "torch_dtype": "bfloat16", "bos_token_id": 0, "eos_token_id": 0}


def shapes_of(config):
    """Name and shape of each tensor."""
    width, ffn = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    yield "model.embed_tokens.weight", (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (width,)
        yield prefix + "self_attn.q_proj.weight", (queries, width)
        yield prefix + "self_attn.k_proj.weight", (keys, width)
        yield prefix + "self_attn.v_proj.weight", (keys, width)
        yield prefix + "self_attn.o_proj.weight", (width, queries)
        yield prefix + "post_attention_layernorm.weight", (width,)
        yield prefix + "mlp.gate_proj.weight", (ffn, width)
        yield prefix + "mlp.up_proj.weight", (ffn, width)
        yield prefix + "mlp.down_proj.weight", (width, ffn)
    yield "model.norm.weight", (width,)


def tensor_of(torch, name, shape):
    """Norms near one; an embedding small beside what the layers add, so that texts do not stand still; variance 1 / columns."""
    if len(shape) == 1:
        return 1 + torch.randn(shape) / 10
    return torch.randn(shape) * (0.1 if "embed" in name else shape[1] ** -0.5)


def write_safetensors(path, config, seed):
    import torch

    torch.manual_seed(seed)
    header, end = {}, 0
    for name, shape in shapes_of(config):
        begin, end = end, end + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes_of(config):
            tensor = tensor_of(torch, name, shape).to(torch.bfloat16)
            file.write(ctypes.string_at(tensor.data_ptr(), tensor.nbytes))


def byte_alphabet():
    """The letters that byte-level tokenizers write bytes with, in the bytes' order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letter = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [letter[byte] for byte in range(256)]


def tokenizer_of(config):
    """One token for each byte; the rest of the vocabulary is never encoded."""
    tokens = [END, *byte_alphabet()]
    tokens += [f"<{i}>" for i in range(len(tokens), config["vocab_size"])]
    added = {"id": 0, "content": END, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
    bytes_as_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added], "normalizer": None,
            "pre_tokenizer": bytes_as_letters, "post_processor": None, "decoder": bytes_as_letters,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": {token: i for i, token in enumerate(tokens)}, "merges": []}}


def write_model(folder, shape, seed=1):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(shape)
    write_safetensors(folder / "model.safetensors", config, seed)
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}), encoding="utf-8")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_of(config), ensure_ascii=False), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder")
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_model(arguments.folder, arguments.shape, arguments.seed)


if __name__ == "__main__":
    main()
