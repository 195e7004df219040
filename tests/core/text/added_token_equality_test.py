"""Added tokens of every flag are found where the `tokenizers` package finds them, on random vocabularies and texts.

TEST_BUILD_DIR: the build folder.
"""

import json
import pathlib
import random
import sys

import pytest
import tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from tokenizer_comparison import SEED, our_ids

BYTES = tokenizers.pre_tokenizers.ByteLevel.alphabet()
MERGES = ["a b", "m o", "d e", "mo de", "mode l", "Ã ©", "Ġ a", "< t"]
CONTENTS = ["é", "model", "|", "<t>", "<t>a", "ab", " ", "\t", "  ", "日本", "é|", "t>", "mod", "x y", "É"]
PIECES = CONTENTS + ["a", "b", "<", "t", ">", "\n", "\u3000", "_", "1", "mo", "del", "e\u0301", "語", "<|im_end|>", "-"]
NORMALIZERS = [
    None,
    {"type": "NFC"},
    {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "b"}, "content": "a"}, {"type": "NFC"}]},
    {"type": "Prepend", "prepend": "a"},
]


def random_tokenizer(rng):
    vocabulary = {token: i for i, token in enumerate(sorted(BYTES))}
    for merge in MERGES:
        vocabulary.setdefault(merge.replace(" ", ""), len(vocabulary))
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    added = []
    next_id = len(vocabulary)
    for content in rng.sample(CONTENTS, rng.randrange(1, 7)):
        token = {"id": vocabulary.get(content, next_id), "content": content}
        next_id += content not in vocabulary
        token |= {flag: rng.random() < 0.3 for flag in flags}
        # A special token that merges make too comes out of any text there; ours keeps it out of a user's text on purpose.
        token["special"] &= content not in vocabulary
        added.append(token)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    model |= {"fuse_unk": False, "byte_fallback": False, "ignore_merges": rng.random() < 0.3}
    model |= {"vocab": vocabulary, "merges": MERGES}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": sorted(added, key=lambda token: token["id"]),
        "normalizer": rng.choice(NORMALIZERS), "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": model,
    }


def reference_ids(reference, text):
    """None: the package ends in a panic, which it does where two tokens take the same white space."""
    try:
        return reference.encode(text, add_special_tokens=False).ids
    except BaseException as error:  # a panic is no Exception
        assert type(error).__name__ == "PanicException", error
        return None


@pytest.mark.parametrize("round_", range(4))
def test_added_tokens_are_found_as_the_tokenizers_package_finds_them(round_, tmp_path):
    rng = random.Random(SEED + round_)
    for case in range(25):
        data = random_tokenizer(rng)
        folder = tmp_path / f"model-{case}"
        folder.mkdir()
        (folder / "tokenizer.json").write_text(json.dumps(data))
        texts = ["".join(rng.choices(PIECES, k=rng.randrange(1, 12))) for _ in range(40)]
        reference = tokenizers.Tokenizer.from_str(json.dumps(data))
        ours = our_ids(folder, [(f"text-{i}", text) for i, text in enumerate(texts)], tmp_path, "--control")
        for text, got in zip(texts, ours):
            want = reference_ids(reference, text)
            assert want is None or got == want, f"TEST_SEED={SEED} {text!r} {json.dumps(data['added_tokens'], ensure_ascii=False)} {data['normalizer']}"


def test_the_first_id_is_the_one_that_the_template_names(tmp_path):
    rng = random.Random(SEED)
    data = random_tokenizer(rng) | {"normalizer": None, "added_tokens": []}
    text, bos = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "a", "type_id": 0}}
    data["post_processor"] = {
        "type": "TemplateProcessing", "single": [bos, text], "pair": [bos, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"a": {"id": "a", "ids": [5], "tokens": ["a"]}},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    want = tokenizers.Tokenizer.from_str(json.dumps(data)).encode("b").ids
    assert want[0] == 5
    assert our_ids(tmp_path, [("text", "b")], tmp_path, "--bos") == [want]
