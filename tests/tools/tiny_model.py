"""A tiny Llama as a Hugging Face folder, right or with one thing wrong. Standard library only."""

import json
import random
import struct

WIDTH, HEADS, LAYERS, VOCABULARY = 32, 2, 1, 256


def byte_alphabet():
    """The characters in which byte-level vocabularies write the bytes 0 to 255."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def tokenizer():
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    vocabulary = {character: byte for byte, character in enumerate(byte_alphabet())}
    model = {"type": "BPE", "unk_token": None, "vocab": vocabulary, "merges": []}
    return {
        "version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None,
        "decoder": byte_level, "model": model,
    }


def shapes(head_dim):
    heads = HEADS * head_dim
    layer = {
        "input_layernorm": [WIDTH], "post_attention_layernorm": [WIDTH], "self_attn.q_proj": [heads, WIDTH],
        "self_attn.k_proj": [heads, WIDTH], "self_attn.v_proj": [heads, WIDTH], "self_attn.o_proj": [WIDTH, heads],
        "mlp.gate_proj": [WIDTH, WIDTH], "mlp.up_proj": [WIDTH, WIDTH], "mlp.down_proj": [WIDTH, WIDTH],
    }
    names = {f"model.layers.{i}.{name}.weight": shape for i in range(LAYERS) for name, shape in layer.items()}
    table = [VOCABULARY, WIDTH]
    return names | {"model.embed_tokens.weight": table, "model.norm.weight": [WIDTH], "lm_head.weight": table}


def write(folder, head_dim=16, broken_weight=None, change_tokenizer=None):
    """`broken_weight`: the tensor whose last value is not a number; `change_tokenizer`: called with tokenizer.json."""
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": WIDTH,
        "intermediate_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
        "head_dim": head_dim, "vocab_size": VOCABULARY, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": False, "eos_token_id": 0,
    }
    rng = random.Random(1)
    header, data = {}, b""
    for name, shape in shapes(head_dim).items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [rng.uniform(-0.1, 0.1) for _ in range(count)]
        if name == broken_weight:
            values[-1] = float("nan")
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    words = tokenizer()
    if change_tokenizer:
        change_tokenizer(words)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text(json.dumps(words), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder
