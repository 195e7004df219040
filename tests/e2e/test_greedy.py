"""Greedy PaSS gives what plain decoding gives, and the shipped look-ahead tokens predict."""

import os
import pathlib
import subprocess
import sys

import grpc
import pytest

import serving

TOKENS = 128
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


def test_end_of_sequence_ends_both_methods_alike(client, pb):
    chat = pb.Chat(
        messages=[pb.ChatMessage(role="user", content="What is the capital of France? One sentence.")]
    )
    results = [
        client.stream(client.request(chat=chat, temperature=0, max_tokens=200, method=method))
        for method in ("plain", "pass")
    ]
    assert results[0].same_as(results[1])
    end = results[0].finish
    assert end.reason == pb.FINISH_REASON_STOP and end.WhichOneof("matched") == "stop_id"
    assert results[0].token_ids[-1] == end.stop_id == results[1].token_ids[-1]
    assert end.usage.completion_tokens == len(results[0].token_ids)
    assert "Paris" in results[0].text and "<|im_end|>" not in results[0].text


def test_stop_string_ends_both_methods_alike(client, pb, prompts, plain_completions):
    text = plain_completions[0].text
    stop = text[len(text) // 2 :][:5]
    results = [
        client.stream(
            client.request(prompts[0], temperature=0, max_tokens=TOKENS, stop=[stop], method=method)
        )
        for method in ("plain", "pass")
    ]
    assert results[0].same_as(results[1])
    assert results[0].text == text[: text.index(stop)]
    assert results[0].finish.reason == pb.FINISH_REASON_STOP and results[0].finish.stop_string == stop


def test_complete_gives_the_stream_in_one_message(client, prompts, plain_completions):
    request = client.request(prompts[1], temperature=0, max_tokens=TOKENS, ignore_eos=True, method="pass")
    reply = client.complete(request, timeout=serving.CALL_SECONDS)
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


def test_the_python_client_of_the_readme_runs(server, tmp_path, plain_completions, prompts):
    script = serving.REPOSITORY / "client" / "python" / "generate.py"
    readme = (serving.REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert script.read_text(encoding="utf-8") in readme
    serving.generate_stubs(tmp_path)
    result = subprocess.run(
        [sys.executable, str(script), server.address, prompts[0]],
        capture_output=True,
        text=True,
        timeout=serving.CALL_SECONDS,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(tmp_path))},
    )
    text, counts = result.stdout.rstrip("\n").rsplit("\n", 1)
    assert plain_completions[0].text.startswith(text) and len(text) > 50
    assert "drafts accepted" in counts
