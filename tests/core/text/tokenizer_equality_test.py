"""Our ids equal those of the `tokenizers` package on more than 10 MB of mixed text, for each pre-tokenizer.

TEST_BUILD_DIR: the build folder; TEST_MODEL: a GGUF file with a byte-level vocabulary.
"""

import json
import os
import pathlib
import sys

import pytest
import tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tokenizer_corpus
import tokenizer_reference
from tokenizer_comparison import SEED, compare, our_ids

MODEL = os.environ["TEST_MODEL"]


@pytest.fixture(scope="module")
def metadata():
    return tokenizer_reference.read_gguf_metadata(MODEL)


@pytest.fixture(scope="module")
def corpus():
    print(f"TEST_SEED={SEED}")
    chunks = tokenizer_corpus.chunks(tokenizer_corpus.make_corpus(SEED))
    assert sum(len(text.encode()) for _, text in chunks) >= 10_000_000
    return chunks


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
