"""Dequantised tensors equal those of the `gguf` package, bit for bit, for every type that is read from GGUF files.

TEST_BUILD_DIR: the build folder. TEST_SEED repeats a run.
"""

import os
import pathlib
import subprocess

import gguf
import numpy as np
import pytest

TOOL = pathlib.Path(os.environ["TEST_BUILD_DIR"]) / "tests" / "dequantize_tensor"
SEED = int(os.environ.get("TEST_SEED") or np.random.SeedSequence().entropy % 2**32)
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]
ROWS = 64
BLOCKS_A_ROW = 3


def number(name):
    return gguf.GGMLQuantizationType[name]


def random_bytes(name, generator):
    """Whole rows of random bytes: every scale occurs, infinite ones, NaNs, subnormals and negative zeros among them."""
    block, size = gguf.GGML_QUANT_SIZES[number(name)]
    blocks = BLOCKS_A_ROW if block > 1 else 96
    return generator.integers(0, 256, (ROWS, blocks * size), dtype=np.uint8)


@pytest.fixture(scope="module")
def tensors():
    print(f"TEST_SEED={SEED}")
    generator = np.random.default_rng(SEED)
    return {name: random_bytes(name, generator) for name in TYPES}


@pytest.fixture(scope="module")
def model(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("types") / "types.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for name, data in tensors.items():
        writer.add_tensor(f"random.{name}", data, raw_dtype=number(name))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", TYPES)
def test_random_blocks_decode_to_the_bits_of_the_gguf_package(name, tensors, model):
    run = subprocess.run([TOOL, model, f"random.{name}"], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    ours = np.frombuffer(run.stdout, dtype=np.float32)
    with np.errstate(all="ignore"):
        theirs = gguf.dequantize(tensors[name], number(name)).astype(np.float32).ravel()
    assert ours.shape == theirs.shape
    # Which NaN it is says nothing.
    numbers = ~np.isnan(theirs)
    assert np.array_equal(np.isnan(ours), ~numbers)
    assert numbers.mean() > 0.5
    differ = np.flatnonzero(ours.view(np.uint32)[numbers] != theirs.view(np.uint32)[numbers])
    assert differ.size == 0, (
        f"TEST_SEED={SEED}: {differ.size} of {ours.size} differ, the first at {differ[0]}:"
        f" {ours[numbers][differ[0]]!r}, expected {theirs[numbers][differ[0]]!r}"
    )


def test_every_type_that_the_product_reads_is_compared(tmp_path):
    path = tmp_path / "unread.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("unread", np.zeros((1, 66), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.IQ2_XXS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    run = subprocess.run([TOOL, path], capture_output=True, text=True)
    assert run.returncode == 1
    assert "tensor 'unread' is of type IQ2_XXS" in run.stderr
    assert run.stderr.strip().endswith("quantise the model as one of " + ", ".join(TYPES))
