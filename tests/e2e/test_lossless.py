"""A quick part of `make verify-lossless`, through the real server: for one seed, every method that promises
the bytes of plain decoding gives them, alone and in a batch whose members come, go and are cancelled."""

import concurrent.futures
import random

import grpc
import pytest

import serving

TOKENS = 40
BATCH = 16
SEED = 11
SETTINGS = {
    "greedy": {"temperature": 0},
    "t0.8-k10": {"temperature": 0.8, "top_k": 10},
    "t1-p0.9-m0.05": {"temperature": 1.0, "top_p": 0.9, "min_p": 0.05},
}


def lossless_methods(setting):
    """`pass` keeps the distribution, not the bytes, where it samples."""
    return ["tree", "auto"] + (["pass"] if setting == "greedy" else [])


@pytest.fixture(scope="module")
def few_prompts(prompts):
    return prompts[::6]


def requests_of(client, prompts, method, options):
    return [
        client.request(
            prompt, max_tokens=TOKENS, ignore_eos=True, method=method, seed=SEED + index, **options
        )
        for index, prompt in enumerate(prompts)
    ]


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_method_and_no_batch_changes_a_byte(client, few_prompts, setting):
    options = SETTINGS[setting]
    plain = [
        client.stream(request) for request in requests_of(client, few_prompts, "plain", options)
    ]
    assert all(completion.code == grpc.StatusCode.OK for completion in plain)
    chance = random.Random(SEED)
    # Each prompt with each method, one in four a second time to be cancelled on the way, in random order.
    members = []
    for method in ["plain", *lossless_methods(setting)]:
        for index, request in enumerate(requests_of(client, few_prompts, method, options)):
            members.append((index, method, request, None))
            if chance.random() < 0.25:
                members.append((index, method, request, chance.randint(1, 8)))
    chance.shuffle(members)
    with concurrent.futures.ThreadPoolExecutor(BATCH) as pool:
        streams = [
            pool.submit(client.stream, request, cancel_after=after) for _, _, request, after in members
        ]
        for (index, method, _, cancel_after), stream in zip(members, streams, strict=True):
            completion, expected = stream.result(serving.HANG_SECONDS), plain[index]
            where = f"{setting}, {method}, prompt {index}"
            if completion.code == grpc.StatusCode.CANCELLED:
                assert cancel_after, where
                assert completion.token_ids == expected.token_ids[: len(completion.token_ids)], where
                assert expected.text.startswith(completion.text), where
            else:
                assert completion.code == grpc.StatusCode.OK, (where, completion.details)
                assert completion.same_as(expected), where


@pytest.mark.parametrize("setting", SETTINGS)
def test_methods_alone_give_plains_bytes(client, few_prompts, setting):
    for index in (1, len(few_prompts) - 2):
        expected = client.stream(requests_of(client, few_prompts, "plain", SETTINGS[setting])[index])
        for method in lossless_methods(setting):
            completion = client.stream(requests_of(client, few_prompts, method, SETTINGS[setting])[index])
            assert completion.code == grpc.StatusCode.OK, completion.details
            assert completion.same_as(expected), (method, few_prompts[index])
