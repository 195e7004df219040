"""Greedy PaSS gives what plain decoding gives, and the shipped look-ahead tokens predict."""

import json
import os
import pathlib
import subprocess
import sys

import grpc
import numpy as np
import pytest

import serving

TOKENS = 128
DISTANCES = (1, 2, 3)  # from an anchor to a token that follows it
CONCURRENCY = 8  # batches beside alone: the output must not depend on the neighbours


@pytest.fixture(scope="module")
def plain_completions(client, prompts):
    requests = [
        client.request(prompt, temperature=0, max_tokens=TOKENS, ignore_eos=True, method="plain")
        for prompt in prompts
    ]
    return client.stream_all(requests, CONCURRENCY)


def completions(client, prompts, **options):
    requests = [
        client.request(prompt, temperature=0, max_tokens=TOKENS, ignore_eos=True, **options)
        for prompt in prompts
    ]
    return client.stream_all(requests, CONCURRENCY)


def test_plain_gives_one_token_a_message(plain_completions):
    for completion in plain_completions:
        assert completion.code == grpc.StatusCode.OK, completion.details
        assert len(completion.token_ids) == TOKENS == completion.finish.usage.completion_tokens
        assert completion.finish.speculation.drafted == 0
        assert completion.finish.speculation.forwards == TOKENS


def test_pass_is_identical_to_plain_on_fifty_prompts(client, prompts, plain_completions):
    drafted = accepted = 0
    for prompt, plain, speculative in zip(
        prompts, plain_completions, completions(client, prompts, method="pass"), strict=True
    ):
        assert speculative.code == grpc.StatusCode.OK, speculative.details
        assert speculative.token_ids == plain.token_ids, prompt
        assert speculative.text == plain.text, prompt
        assert speculative.finish.reason == plain.finish.reason
        assert speculative.finish.usage.completion_tokens == TOKENS
        drafted += speculative.finish.speculation.drafted
        accepted += speculative.finish.speculation.accepted
    assert 0 < accepted < drafted  # else the comparison says nothing about acceptance


def test_auto_is_identical_to_plain(client, prompts, plain_completions):
    chosen = slice(None, None, 5)
    for plain, automatic in zip(
        plain_completions[chosen], completions(client, prompts[chosen], method="auto"), strict=True
    ):
        assert automatic.same_as(plain)


def test_one_request_alone_is_identical_to_its_batch(client, prompts, plain_completions):
    for index in (0, 30):
        request = client.request(
            prompts[index], temperature=0, max_tokens=TOKENS, ignore_eos=True, method="pass"
        )
        assert client.stream(request).same_as(plain_completions[index])


def test_end_of_sequence_ends_all_methods_alike(client, pb):
    chat = pb.Chat(
        messages=[pb.ChatMessage(role="user", content="What is the capital of France? One sentence.")]
    )
    results = [
        client.stream(client.request(chat=chat, temperature=0, max_tokens=200, method=method))
        for method in ("plain", "pass", "tree")
    ]
    assert results[0].same_as(results[1]) and results[0].same_as(results[2])
    end = results[0].finish
    assert end.reason == pb.FINISH_REASON_STOP and end.WhichOneof("matched") == "stop_id"
    assert results[0].token_ids[-1] == end.stop_id == results[1].token_ids[-1]
    assert end.usage.completion_tokens == len(results[0].token_ids)
    assert "Paris" in results[0].text and "<|im_end|>" not in results[0].text


def test_stop_string_ends_all_methods_alike(client, pb, prompts, plain_completions):
    text = plain_completions[0].text
    stop = text[len(text) // 2 :][:5]
    results = [
        client.stream(
            client.request(prompts[0], temperature=0, max_tokens=TOKENS, stop=[stop], method=method)
        )
        for method in ("plain", "pass", "tree")
    ]
    assert results[0].same_as(results[1]) and results[0].same_as(results[2])
    assert results[0].text == text[: text.index(stop)]
    assert results[0].finish.reason == pb.FINISH_REASON_STOP and results[0].finish.stop_string == stop


def test_complete_gives_the_stream_in_one_message(client, prompts, plain_completions):
    request = client.request(prompts[1], temperature=0, max_tokens=TOKENS, ignore_eos=True, method="pass")
    reply = client.complete(request, timeout=serving.HANG_SECONDS)
    assert list(reply.token_ids) == plain_completions[1].token_ids
    assert reply.text == plain_completions[1].text


def test_first_lookahead_token_predicts_the_token_after_the_next(client, prompts):
    """With one look-ahead token, drafts are LA_1's argmax: greedy acceptance is agreement with token p+2."""
    drafted = accepted = 0
    for completion in completions(client, prompts, method="pass", lookahead=1):
        assert completion.code == grpc.StatusCode.OK, completion.details
        drafted += completion.finish.speculation.drafted_by_position[0]
        accepted += completion.finish.speculation.accepted_by_position[0]
    assert drafted > 1000
    assert accepted / drafted >= 0.20, f"{accepted} of {drafted}"


def rows_argmax(script, vocab_size):
    """The likeliest token of every row, one array a step: the model's own rows, without server or decoder."""
    tool = [str(serving.BUILD / "bin" / "model_logits"), serving.model_path(), serving.LOOKAHEAD, "bf16"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(tool, env=serving.ENVIRONMENT, **pipes) as process:
        process.stdin.write(json.dumps(script).encode())
        process.stdin.close()
        for step in script:
            data = process.stdout.read(4 * vocab_size * len(step["rows"]))
            yield np.frombuffer(data, dtype=np.float32).reshape(-1, vocab_size).argmax(axis=1)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def agreement(client, pb, prompts, plain_completions):
    """How often LA_1's argmax behind an anchor at p is token p+1, p+2 and p+3.

    The population: the greedy continuations, 128 tokens in bf16, of all fifty prompts, text that runs in
    circles included. An anchor is the last prompt token or any later token that three more follow.
    """
    script, texts = [], []
    for prompt, completion in zip(prompts, plain_completions, strict=True):
        prefix = list(client.tokenize(pb.TokenizeRequest(text=prompt)).token_ids)
        tokens = prefix + completion.token_ids
        anchors = range(len(prefix) - 1, len(tokens) - 3)
        texts.append((tokens, anchors))
        rows = [
            {"sequence": 0, "token": token, "position": i, "parent": i - 1} for i, token in enumerate(tokens)
        ]
        rows += [{"sequence": 0, "lookahead": 1, "position": p + 1, "parent": p} for p in anchors]
        script.append({"rows": rows})
    vocab_size = client.model_info(pb.GetModelInfoRequest()).vocab_size
    hits = []
    for (tokens, anchors), likeliest in zip(texts, rows_argmax(script, vocab_size), strict=True):
        behind = zip(anchors, likeliest[len(tokens) :], strict=True)
        hits.append([[tokens[p + distance] == guess for distance in DISTANCES] for p, guess in behind])
    hits = np.array(hits)  # [prompt, anchor, distance]
    assert hits.shape == (50, TOKENS - 2, len(DISTANCES))
    for name, part in (("all", hits), ("code", hits[:25]), ("prose", hits[25:])):
        print(f"LA_1 is token p+1, p+2, p+3 ({name}):", part.mean(axis=(0, 1)).round(3))
    return dict(zip(DISTANCES, hits.mean(axis=(0, 1)), strict=True))


def test_first_lookahead_row_is_the_token_after_the_next(agreement):
    assert agreement[2] >= 0.20, agreement
    assert agreement[2] > agreement[3], agreement


def test_first_lookahead_row_is_the_token_after_the_next_more_often_than_the_next(agreement):
    assert agreement[2] > agreement[1], agreement


def test_the_python_client_of_the_readme_runs(server, tmp_path, plain_completions, prompts):
    script = serving.REPOSITORY / "client" / "python" / "generate.py"
    readme = (serving.REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert script.read_text(encoding="utf-8") in readme
    serving.generate_stubs(tmp_path)
    result = subprocess.run(
        [sys.executable, str(script), server.address, prompts[0]],
        capture_output=True,
        text=True,
        timeout=serving.HANG_SECONDS,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(tmp_path))},
    )
    text, counts = result.stdout.rstrip("\n").rsplit("\n", 1)
    assert plain_completions[0].text.startswith(text) and len(text) > 50
    assert "drafts accepted" in counts
