"""Our ids equal those of the `tokenizers` package on more than 10 MB of mixed text, for each pre-tokenizer.

TEST_BUILD_DIR: the build folder; TEST_MODEL: a GGUF file with a byte-level vocabulary.
"""

import array
import json
import os
import pathlib
import subprocess
import sys

import pytest
import tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tokenizer_corpus
import tokenizer_reference

SEED = int(os.environ.get("PASS_TEST_SEED", "20231113"))
BUILD = pathlib.Path(os.environ["TEST_BUILD_DIR"])
MODEL = os.environ["TEST_MODEL"]


@pytest.fixture(scope="module")
def metadata():
    return tokenizer_reference.read_gguf_metadata(MODEL)


@pytest.fixture(scope="module")
def corpus():
    print(f"PASS_TEST_SEED={SEED}")
    chunks = tokenizer_corpus.chunks(tokenizer_corpus.make_corpus(SEED))
    assert sum(len(text.encode()) for _, text in chunks) >= 10_000_000
    return chunks


def our_ids(model, corpus, folder, *options):
    """Encodes all chunks with encode_file; prints its speed."""
    paths = []
    for name, text in corpus:
        path = folder / name
        path.write_bytes(text.encode())
        paths.append(path)
    command = [BUILD / "tests" / "encode_file", model, *options]
    run = subprocess.run(command, input="".join(f"{p}\n" for p in paths).encode(), capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    print(f"{model}: {run.stderr.decode().strip()}")
    return [array.array("i", pathlib.Path(f"{p}.ids").read_bytes()).tolist() for p in paths]


def describe_difference(name, text, ours, reference):
    first = next((i for i, (a, b) in enumerate(zip(ours, reference.ids)) if a != b), min(len(ours), len(reference.ids)))
    offset = reference.offsets[first][0] if first < len(reference.ids) else len(text)
    return (
        f"PASS_TEST_SEED={SEED} {name}: id {first} of {len(reference.ids)}, character {offset}: ours"
        f" {ours[first : first + 5]}, expected {reference.ids[first : first + 5]} in {ascii(text[max(0, offset - 30) : offset + 30])}"
    )


def compare(corpus, ours, reference):
    batch = 32
    for start in range(0, len(corpus), batch):
        some = corpus[start : start + batch]
        expected = reference.encode_batch([text for _, text in some], add_special_tokens=False)
        for (name, text), got, want in zip(some, ours[start : start + batch], expected):
            assert got == want.ids, describe_difference(name, text, got, want)


@pytest.mark.parametrize("variant", ["smollm", "gpt2", "llama3"])
def test_ids_equal_those_of_the_tokenizers_package(variant, metadata, corpus, tmp_path):
    reference = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_reference.tokenizer_json(metadata, variant)))
    reference.encode_special_tokens = True
    ours = our_ids(tokenizer_reference.write_folder(metadata, variant, tmp_path / "model"), corpus, tmp_path)
    compare(corpus, ours, reference)
    if variant == metadata["tokenizer.ggml.pre"]:
        assert our_ids(MODEL, corpus, tmp_path) == ours, "the GGUF file and the folder made of it differ"


def test_the_models_own_pre_tokenizer_is_compared(metadata):
    assert metadata["tokenizer.ggml.pre"] in tokenizer_reference.PRE_TOKENIZERS


def test_control_tokens_are_found_where_they_are_asked_for(metadata, corpus, tmp_path):
    reference = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_reference.tokenizer_json(metadata, "gpt2")))
    model = tokenizer_reference.write_folder(metadata, "gpt2", tmp_path / "model")
    edges = [(name, text) for name, text in corpus if name.startswith("edges")]
    ours = our_ids(model, edges, tmp_path, "--control")
    assert any(metadata["tokenizer.ggml.eos_token_id"] in ids for ids in ours)
    compare(edges, ours, reference)
