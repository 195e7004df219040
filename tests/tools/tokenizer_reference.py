"""The `tokenizers` package as reference: tokenizer.json variants made of a GGUF file's vocabulary and merges."""

import json
import os
import pathlib
import struct

GPT2_EXPRESSION = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3_EXPRESSION = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Added to one variant only: matched in text although they are not special.
ADDED_TOKENS = ["<tool>", "<tool>call", "\t\t\t\t\t", "日本"]


def read_gguf_metadata(path):
    """Metadata of a GGUF file, version 2 or 3, as a dict."""
    formats = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    with open(path, "rb") as file:

        def number(code):
            return struct.unpack(code, file.read(struct.calcsize(code)))[0]

        def string():
            return file.read(number("<Q")).decode("utf-8")

        def value(kind):
            if kind == 8:
                return string()
            if kind == 9:
                element, count = number("<I"), number("<Q")
                return [value(element) for _ in range(count)]
            return number(formats[kind])

        assert file.read(4) == b"GGUF", f"{path} is not a GGUF file"
        assert number("<I") in (2, 3)
        number("<Q")
        return {string(): value(number("<I")) for _ in range(number("<Q"))}


def _byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _split(expression):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


def _sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE_TOKENIZERS = {
    "smollm": _sequence({"type": "Digits", "individual_digits": True}, _byte_level(True)),
    "gpt2": _byte_level(True),
    "llama3": _sequence(_split(LLAMA3_EXPRESSION), _byte_level(False)),
}


def tokenizer_json(metadata, variant):
    """A tokenizer.json with the file's vocabulary; merges are written in the older form for one variant."""
    tokens = metadata["tokenizer.ggml.tokens"]
    kinds = metadata["tokenizer.ggml.token_type"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": i, "content": t, "special": True, **flags} for i, (t, k) in enumerate(zip(tokens, kinds)) if k == 3]
    if variant == "gpt2":
        for i, text in enumerate(ADDED_TOKENS):
            added.append({"id": len(tokens) + i, "content": text, "special": False, **flags})
    merges = metadata["tokenizer.ggml.merges"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": PRE_TOKENIZERS[variant],
        "post_processor": None,
        "decoder": _byte_level(True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": variant == "llama3",
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": merges if variant == "smollm" else [merge.split(" ") for merge in merges],
        },
    }


def read_family(name):
    """A folder with the tokenizer.json and tokenizer_config.json of a family of models, as scripts/deps.sh fetched them."""
    folder = pathlib.Path(os.environ["TEST_BUILD_DIR"]) / "tokenizers" / name
    assert (folder / "tokenizer.json").exists(), f"{folder} is missing: run scripts/deps.sh test"
    return folder


def write_folder(metadata, variant, folder, chat_template=None):
    """A Hugging Face folder with the variant's tokenizer; returns its path."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(tokenizer_json(metadata, variant), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    tokens = metadata["tokenizer.ggml.tokens"]
    config = {"bos_token": tokens[metadata["tokenizer.ggml.bos_token_id"]]}
    if chat_template is not None:
        config["chat_template"] = chat_template
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    end = {"eos_token_id": [metadata["tokenizer.ggml.eos_token_id"]]}
    (folder / "generation_config.json").write_text(json.dumps(end), encoding="utf-8")
    return folder
