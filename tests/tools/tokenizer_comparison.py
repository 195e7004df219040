"""Compares the ids of `encode_file` with those of the `tokenizers` package."""

import array
import os
import pathlib
import subprocess

SEED = int(os.environ.get("TEST_SEED", "20231113"))


def our_ids(model, corpus, folder, *options):
    """Encodes all chunks, [(name, text)], with encode_file; prints its speed."""
    paths = []
    for name, text in corpus:
        path = pathlib.Path(folder) / name
        path.write_bytes(text.encode())
        paths.append(path)
    command = [pathlib.Path(os.environ["TEST_BUILD_DIR"]) / "tests" / "encode_file", model, *options]
    run = subprocess.run(command, input="".join(f"{p}\n" for p in paths).encode(), capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    print(f"{model}: {run.stderr.decode().strip()}")
    return [array.array("i", pathlib.Path(f"{p}.ids").read_bytes()).tolist() for p in paths]


def describe_difference(name, text, ours, reference):
    first = next((i for i, (a, b) in enumerate(zip(ours, reference.ids)) if a != b), min(len(ours), len(reference.ids)))
    offset = reference.offsets[first][0] if first < len(reference.ids) else len(text)
    return (
        f"TEST_SEED={SEED} {name}: id {first} of {len(reference.ids)}, character {offset}: ours"
        f" {ours[first : first + 5]}, expected {reference.ids[first : first + 5]} in {ascii(text[max(0, offset - 30) : offset + 30])}"
    )


def compare(corpus, ours, reference):
    """Fails at the first chunk whose ids differ, and shows where."""
    batch = 32
    for start in range(0, len(corpus), batch):
        some = corpus[start : start + batch]
        expected = reference.encode_batch_fast([text for _, text in some], add_special_tokens=False)
        for (name, text), got, want in zip(some, ours[start : start + batch], expected):
            if got != want.ids:
                raise AssertionError(describe_difference(name, text, got, reference.encode(text, add_special_tokens=False)))
