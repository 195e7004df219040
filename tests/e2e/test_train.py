"""pass-train as a user runs it: a few steps on the real model, interruptions, damage and wrong input."""

import json
import os
import signal
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "bench"))
import random_model  # noqa: E402

TRAIN = os.path.join(os.environ["TEST_BUILD_DIR"], "bin", "pass-train")
MODEL = os.environ["TEST_MODEL"]
LIMIT_SECONDS = 1800
TINY = ["--model", MODEL, "--lookahead", "2", "--adapter-rank", "2", "--head-hidden", "16", "--window", "24",
        "--anchors", "6", "--windows-per-step", "1", "--threads", "1", "--seed", "3"]


def train(*arguments, **environment):
    return subprocess.run([TRAIN, *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT_SECONDS,
                          env=os.environ | environment)


def on_tiny_model(folder):
    """TINY on a model of random weights, which it writes."""
    random_model.write_model(folder, "tiny")
    return ["--model", folder, *TINY[2:]]


def tensors(path):
    """Name -> bytes of a safetensors file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for name, entry in header.items() if name != "__metadata__"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Samples drawn once, and the result of a run on them, which every other run must reach."""
    folder = tmp_path_factory.mktemp("train")
    drawn = train(*TINY, "--out", folder / "first.safetensors", "--samples", folder / "samples", "--steps", 1)
    assert drawn.returncode == 0, drawn.stderr
    done = train(*TINY, "--out", folder / "whole.safetensors", "--samples", folder / "samples", "--steps", 6)
    assert done.returncode == 0, done.stderr
    return folder


def flags(samples, out, *more):
    return [*TINY, "--out", out, "--samples", samples / "samples", "--steps", "6", *more]


def interrupt_after_a_step(arguments, out, signal_number):
    """Checkpoints after every step; the signal comes as soon as the first one is there."""
    process = subprocess.Popen([TRAIN, *map(str, arguments), "--checkpoint-minutes", "0"], stderr=subprocess.PIPE,
                               text=True)
    deadline = time.monotonic() + LIMIT_SECONDS
    checkpoint = out.with_name(out.name + ".checkpoint")
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode, errors


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_resumes_to_the_same_weights(samples, tmp_path, signal_number):
    out = tmp_path / "resumed.safetensors"
    code, errors = interrupt_after_a_step(flags(samples, out), out, signal_number)
    assert code != 0
    if signal_number == signal.SIGINT:
        assert code == 1 and "go on with --resume" in errors
    done = train(*flags(samples, out, "--resume"))
    assert done.returncode == 0, done.stderr
    assert tensors(out) == tensors(samples / "whole.safetensors")


def test_an_interrupt_while_samples_are_drawn_leaves_no_checkpoint(tmp_path):
    out = tmp_path / "x.safetensors"
    process = subprocess.Popen([TRAIN, *map(str, TINY), "--out", str(out), "--steps", "1000000"], stderr=subprocess.PIPE,
                               text=True)
    first = process.stderr.readline()
    assert "drawing samples" in first, first
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 1
    assert "interrupted" in errors
    if "there is no checkpoint yet" in errors:  # else the samples were drawn before the signal came
        assert not out.exists() and not out.with_name(out.name + ".checkpoint").exists()


def test_another_device_reaches_the_same_weights_from_the_same_samples(samples, tmp_path):
    out = tmp_path / "aten.safetensors"
    done = train(*flags(samples, out, "--device", "aten:cpu"))
    assert done.returncode == 0, done.stderr
    assert tensors(out) == tensors(samples / "whole.safetensors")


def sample_numbers(path):
    """The number of each sample in the file."""
    drawn = path.read_bytes()
    sample = 8 + 24 * 4  # its number, and TINY's window of tokens
    header = drawn.index(b"\n") + 1
    assert len(drawn) > header and (len(drawn) - header) % sample == 0
    return [struct.unpack_from("<q", drawn, at)[0] for at in range(header, len(drawn), sample)]


def test_samples_are_as_long_as_the_window_though_some_prompts_are_longer(samples):
    numbers = sample_numbers(samples / "samples")
    assert numbers == sorted(numbers) and 0 <= numbers[0] and numbers[-1] < 256


def test_samples_are_drawn_on_the_device_that_is_named(tmp_path):
    arguments = [*on_tiny_model(tmp_path / "model"), "--out", tmp_path / "x.safetensors", "--steps", "1", "--device",
                 "cuda:mock"]
    done = train(*arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.safetensors").exists()
    arguments[-1] = "cuda:77"
    done = train(*arguments)
    assert done.returncode == 2 and "--device cuda:77: " in done.stderr


def test_a_damaged_checkpoint_is_refused_and_the_older_one_used(samples, tmp_path):
    out = tmp_path / "damaged.safetensors"
    done = train(*flags(samples, out, "--checkpoint-minutes", "0"))
    assert done.returncode == 0, done.stderr
    checkpoint = tmp_path / "damaged.safetensors.checkpoint"
    data = bytearray(checkpoint.read_bytes())
    data[-5] ^= 1
    checkpoint.write_bytes(data)
    done = train(*flags(samples, out, "--resume"))
    assert done.returncode == 0, done.stderr
    assert "its hash is wrong" in done.stderr
    assert tensors(out) == tensors(samples / "whole.safetensors")


def test_a_step_may_use_windows_of_two_drawings(tmp_path):
    """Some step takes its first window from the drawn samples and its last from new ones, which may move the drawn ones. glibc
    overwrites what they leave (man mallopt, M_PERTURB)."""
    samples = tmp_path / "samples"
    arguments = [*on_tiny_model(tmp_path / "model"), "--out", tmp_path / "x.safetensors", "--samples", samples,
                 "--overlap-share", "0.5"]
    done = train(*arguments, "--steps", "1")
    assert done.returncode == 0, done.stderr
    drawn = len(sample_numbers(samples))
    windows = next(number for number in (3, 4, 5, 7, 11) if drawn % number)
    arguments[arguments.index("--windows-per-step") + 1] = windows
    done = train(*arguments, "--steps", drawn // windows + 2, MALLOC_PERTURB_="165")
    assert done.returncode == 0, done.stderr
    assert len(sample_numbers(samples)) > drawn


def test_a_file_of_larger_sizes_is_refused(samples, tmp_path):
    arguments = flags(samples, tmp_path / "x.safetensors", "--init", samples / "whole.safetensors")
    arguments[arguments.index("--head-hidden") + 1] = "8"
    done = train(*arguments)
    assert done.returncode == 2
    assert "--head-hidden" in done.stderr


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_checkpoint(samples, tmp_path):
    out = tmp_path / "nan.safetensors"
    done = train(*flags(samples, out, "--checkpoint-minutes", "0", "--embedding-learning-rate", "1e300"))
    assert done.returncode == 1
    assert "is not a number" in done.stderr
    assert all(b"\xff\xff\xff\xff" not in data for data in tensors(out).values())


@pytest.mark.parametrize("content, message", [
    (b"text " * 200 + b"\xff\xfe", "not UTF-8 at byte 1000"),
    (b"too short", "at least 100 are needed"),
    (b"", "text.txt"),
])
def test_a_corpus_that_cannot_serve_is_named(samples, tmp_path, content, message):
    corpus = tmp_path / "text.txt"
    corpus.write_bytes(content)
    done = train(*flags(samples, tmp_path / "x.safetensors", "--corpus", corpus))
    assert done.returncode != 0
    assert message in done.stderr and "text.txt" in done.stderr
    assert not (tmp_path / "x.safetensors").exists()


def test_flags_that_are_missing_or_wrong_are_named(tmp_path):
    for arguments, name in [(["--out", "x"], "--model"), (["--model", MODEL], "--out"),
                            ([*TINY, "--out", tmp_path / "x"], "--steps"),
                            (["--model", MODEL, "--out", tmp_path / "x", "--steps", "1", "--lookahead", "0"], "--lookahead"),
                            ([*TINY, "--out", tmp_path / "x", "--steps", "1", "--later-rows-every", "-1"], "--later-rows-every"),
                            (["eval", "--model", MODEL, "--lookahead-file", "x", "--prompts", "code=x", "--tokens", "0"],
                             "--tokens")]:
        done = train(*arguments)
        assert done.returncode == 2, arguments
        assert name in done.stderr


def test_eval_prints_every_figure(samples, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("def add(a, b):\n%%\nclass Stack:\n    def push(self, item):\n")
    done = train("eval", "--model", MODEL, "--lookahead-file", samples / "whole.safetensors", "--prompts",
                 f"code={prompts}", f"prose={prompts}", "--tokens", 24, "--max-nodes", 8, "--json", "--threads", 1)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {entry["sampling"] for entry in result["means"]} == {"greedy", "t0.8-k10"}
    quality = result["means"][0]["all"]
    assert quality["anchors"] > 0 and len(quality["top1"]) >= 2
    assert 0 <= quality["accepted_chain"] <= quality["accepted_tree"]["8"] + 8
    assert all(a <= b <= c for a, b, c in zip(quality["top1"], quality["top4"], quality["top10"]))
