"""Our ids equal those of the `tokenizers` package on 10 MB of mixed text, with the tokenizers of models that people use.

TEST_BUILD_DIR: the build folder, in which tokenizers/ is what scripts/deps.sh fetched.
"""

import json
import pathlib
import sys
import unicodedata

import gguf
import pytest
import tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tokenizer_corpus
import tokenizer_reference
from tokenizer_comparison import SEED, compare, our_ids

MARK = "\u2581"
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def marks_that_the_package_does_not_know():
    """Its normalizer has an older table of combining marks: where it has none, the marks are not put in order."""
    compose = tokenizers.normalizers.NFC()
    marks = (chr(c) for c in range(0x300, 0x110000) if unicodedata.combining(chr(c)) > 1)
    return {m for m in marks if compose.normalize_str(m + "\u0334") != unicodedata.normalize("NFC", m + "\u0334")}


@pytest.fixture(scope="module")
def corpus():
    print(f"TEST_SEED={SEED}")
    chunks = tokenizer_corpus.chunks(tokenizer_corpus.make_corpus(SEED))
    assert sum(len(text.encode()) for _, text in chunks) >= 10_000_000
    return chunks


def check(folder, corpus, scratch):
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.encode_special_tokens = True
    ours = our_ids(folder, corpus, scratch)
    compare(corpus, ours, reference)
    return ours


@pytest.mark.parametrize("name", ["qwen3", "llama2", "llama3", "gemma3", "deepseek_v3", "gpt4o"])
def test_ids_equal_those_of_the_tokenizers_package(name, corpus, tmp_path):
    if name == "qwen3":
        unknown = marks_that_the_package_does_not_know()
        corpus = [(chunk, "".join(c for c in text if c not in unknown)) for chunk, text in corpus]
    check(tokenizer_reference.read_family(name), corpus, tmp_path)


def test_ids_equal_with_marks_of_words_at_the_start_only(corpus, tmp_path):
    """Mistral 7B's form of SentencePiece: Metaspace in place of normalizers."""
    data = json.loads((tokenizer_reference.read_family("llama2") / "tokenizer.json").read_text())
    data["normalizer"] = None
    data["pre_tokenizer"] = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    check(tmp_path, corpus, tmp_path)


def test_ids_equal_with_tekkens_splits(corpus, tmp_path):
    """No package has Tekken's vocabulary: one is trained here with its splits."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=True))
    trained.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(TEKKEN), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    trained.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=4000, special_tokens=["<s>", "</s>", "[INST]", "[/INST]"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    some = [text for name, text in corpus if name.startswith(("code", "prose"))][::8]  # training is the slow part
    trained.train_from_iterator(some, trainer)
    trained.save(str(tmp_path / "tokenizer.json"))
    check(tmp_path, corpus, tmp_path)


def write_gguf(data, path):
    """A GGUF file of a byte-level tokenizer.json, or of one of SentencePiece with scores for its merges."""
    model = data["model"]
    scored = model["byte_fallback"]
    added = {token["id"]: token for token in data["added_tokens"]}
    names = {i: text for text, i in model["vocab"].items()} | {i: token["content"] for i, token in added.items()}
    count = max(names) + 1
    tokens = [names.get(i, f"[PAD{i}]") for i in range(count)]
    types = [gguf.TokenType.NORMAL if i in names else gguf.TokenType.UNUSED for i in range(count)]
    for i, token in added.items():
        types[i] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama" if scored else "gpt2")
    if scored:
        ranks = {}
        for rank, merge in enumerate(merges):
            ranks.setdefault(merge.replace(" ", ""), rank)
        for i, text in enumerate(tokens):
            if len(text) == 6 and text.startswith("<0x"):
                types[i] = gguf.TokenType.BYTE
        writer.add_token_scores([-float(ranks.get(text, len(merges))) for text in tokens])
    else:
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_eos_token_id(next(i for i, kind in enumerate(types) if kind == gguf.TokenType.CONTROL))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("name", ["qwen3", "llama2"])
def test_a_gguf_file_gives_the_ids_of_the_folder(name, corpus, tmp_path):
    folder = tokenizer_reference.read_family(name)
    some = corpus[::4]
    path = tmp_path / "model.gguf"
    write_gguf(json.loads((folder / "tokenizer.json").read_text()), path)
    expected = our_ids(folder, some, tmp_path)
    for (chunk, _), got, want in zip(some, our_ids(path, some, tmp_path), expected):
        assert got == want, f"TEST_SEED={SEED} {chunk}"
