"""pass-client against the real server: its flags, lines, keys and exit codes are a contract with scripts."""

import json
import re
import subprocess

import pytest

import serving

STEP_KEYS = {"type", "token_ids", "text", "drafted", "accepted", "rows", "step_seconds"}
SUMMARY_KEYS = {
    "type",
    "token_ids",
    "text",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "forwards",
    "validation_steps",
    "drafted",
    "accepted",
    "acceptance_rate",
    "mean_accepted_length",
    "first_token_seconds",
    "decode_seconds",
    "tokens_per_second",
    "seed",
}


@pytest.fixture
def run(server):
    def run_client(command, *arguments, stdin="", address=server.address):
        return subprocess.run(
            [str(serving.CLIENT), command, "--address", address, *arguments],
            input=stdin,
            capture_output=True,
            timeout=serving.HANG_SECONDS,
            check=False,
            encoding="utf-8",
            env=serving.ENVIRONMENT,
        )

    return run_client


@pytest.mark.parametrize("method", ["plain", "pass"])
def test_json_lines_add_up(run, method):
    result = run(
        "generate",
        "--prompt",
        "def area(width, height):",
        "--max-tokens",
        "40",
        "--temperature",
        "0",
        "--ignore-eos",
        "--method",
        method,
        "--json",
    )
    assert result.returncode == 0, result.stderr
    *steps, summary = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(step["type"] == "step" and STEP_KEYS <= step.keys() for step in steps)
    assert summary["type"] == "summary" and SUMMARY_KEYS <= summary.keys()
    assert sum((step["token_ids"] for step in steps), []) == summary["token_ids"]
    assert "".join(step["text"] for step in steps) == summary["text"]
    assert len(summary["token_ids"]) == summary["completion_tokens"] == 40
    assert summary["finish_reason"] == "length"
    for key in ("drafted", "accepted", "forwards"):
        assert sum(step[key] for step in steps) == summary[key]
    if method == "plain":
        assert summary["drafted"] == 0 and summary["forwards"] == 40
    else:
        assert summary["acceptance_rate"] == pytest.approx(summary["accepted"] / summary["drafted"])
        assert summary["mean_accepted_length"] == pytest.approx(
            summary["accepted"] / summary["validation_steps"]
        )
    assert summary["tokens_per_second"] == pytest.approx(39 / summary["decode_seconds"])
    assert 0 < summary["first_token_seconds"] < 60 and 0 <= summary["seed"] < 2**53


def test_every_sampling_flag_is_taken(run):
    arguments = [
        "--prompt",
        "The",
        "--max-tokens",
        "12",
        "--temperature",
        "0.8",
        "--top-k",
        "50",
        "--top-p",
        "0.95",
        "--min-p",
        "0.02",
        "--seed",
        "7",
        "--stop",
        "zzz",
        "qqq",
        "--ignore-eos",
        "--method",
        "pass",
        "--lookahead",
        "2",
        "--json",
    ]
    first, again = (json.loads(run("generate", *arguments).stdout.splitlines()[-1]) for _ in range(2))
    assert (
        first["seed"] == 7 and first["token_ids"] == again["token_ids"] and first["completion_tokens"] == 12
    )


def test_prompts_come_from_argument_file_and_standard_input(run, tmp_path):
    text = "Grüße aus\n\nKöln,\n"
    path = tmp_path / "prompt.txt"
    path.write_text(text, encoding="utf-8")
    options = ["--temperature", "0", "--max-tokens", "8", "--json"]
    summaries = [
        json.loads(result.stdout.splitlines()[-1])
        for result in (
            run("generate", "--prompt", text, *options),
            run("generate", "--prompt-file", str(path), *options),
            run("generate", "--prompt-file", "-", *options, stdin=text),
        )
    ]
    assert summaries[0]["token_ids"] == summaries[1]["token_ids"] == summaries[2]["token_ids"]
    assert len({summary["prompt_tokens"] for summary in summaries}) == 1


def test_without_json_the_text_alone_is_on_standard_output(run):
    options = [
        "--prompt",
        "Water boils at",
        "--temperature",
        "0",
        "--max-tokens",
        "24",
        "--ignore-eos",
        "--method",
        "pass",
    ]
    summary = json.loads(run("generate", *options, "--json").stdout.splitlines()[-1])
    plain = run("generate", *options)
    assert plain.stdout == summary["text"]
    assert "24 tokens" in plain.stderr and "tokens/s" in plain.stderr


def test_show_runs_brackets_accepted_drafts_and_nothing_else(run):
    # No bracket of the text's own: words of prose.
    options = [
        "--prompt",
        "The cat sat on the mat and the dog sat on the",
        "--temperature",
        "0",
        "--max-tokens",
        "41",
        "--ignore-eos",
        "--method",
        "pass",
    ]
    summary = json.loads(run("generate", *options, "--json").stdout.splitlines()[-1])
    shown = run("generate", *options, "--show-runs")
    assert shown.returncode == 0
    assert shown.stdout.replace("[", "").replace("]", "") == summary["text"].replace("[", "").replace("]", "")
    marks = len(re.findall(r"\[[^\[\]]+\]", shown.stdout))
    # Fewer where the server merged messages, which are shown plain, and where the length cut the last round.
    assert 0 < marks <= summary["accepted"]


def test_tokenize_info_and_health(run, client, pb, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("hello world 123\n", encoding="utf-8")
    tokens = run("tokenize", "--prompt-file", str(path), "--json")
    assert tokens.returncode == 0
    expected = client.tokenize(pb.TokenizeRequest(text="hello world 123\n")).token_ids
    assert json.loads(tokens.stdout) == {"token_ids": list(expected)}

    info = run("info", "--json")
    assert info.returncode == 0
    facts = json.loads(info.stdout)
    assert (
        facts["lookahead"] == 8
        and facts["dtype"] == "bf16"
        and facts["context_length"] == 8192
        and facts["model"]
    )

    assert run("health").returncode == 0
    assert run("health", "--service", "").returncode == 0
    assert run("health", "--service", "nobody").returncode == 1


def test_chat_keeps_the_conversation(run):
    lines = "My name is Ada.\nWhat is my name?\n"
    result = run("chat", "--temperature", "0", "--max-tokens", "40", "--quiet", stdin=lines)
    assert result.returncode == 0, result.stderr
    assert "Ada" in result.stdout
    once = run(
        "chat",
        "--system",
        "Answer in one word.",
        "--prompt",
        "What is 2 + 2?",
        "--temperature",
        "0",
        "--max-tokens",
        "10",
        "--json",
    )
    assert json.loads(once.stdout.splitlines()[-1])["prompt_tokens"] > 10


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--prompt", "x", "--max-tokens", "0"], 1, ["INVALID_ARGUMENT", "stopping.max_tokens"]),
        (["--prompt", ""], 1, ["INVALID_ARGUMENT", "text"]),
        (["--prompt", "x", "--temperature", "nan"], 1, ["INVALID_ARGUMENT", "sampling.temperature"]),
        (["--prompt", "x", "--model", "other"], 1, ["NOT_FOUND"]),
        (
            ["--prompt", "x", "--max-tokens", "4000", "--ignore-eos", "--timeout", "0.5"],
            1,
            ["DEADLINE_EXCEEDED"],
        ),
        (["--prompt", "x", "--max-tokens", "many"], 2, ["usage"]),
        (["--prompt", "x", "--prompt-file", "y"], 2, ["usage"]),
        ([], 2, ["usage"]),
    ],
    ids=lambda value: " ".join(map(str, value))[:40] if isinstance(value, list) else str(value),
)
def test_exit_codes_tell_what_went_wrong(run, arguments, code, words):
    result = run("generate", *arguments)
    assert result.returncode == code
    assert all(word in result.stderr for word in words), result.stderr


def test_nobody_listening_is_an_rpc_error(run):
    for command in (["generate", "--prompt", "x"], ["health"], ["info"], ["tokenize", "--prompt", "x"]):
        result = run(*command, address="127.0.0.1:1")
        assert result.returncode == 1 and "UNAVAILABLE" in result.stderr


def test_the_demo_shows_every_method_and_finds_them_identical(run):
    result = run("demo", "--max-tokens", "24")
    assert result.returncode == 0, result.stderr
    assert "All 8 texts are byte-identical" in result.stdout
    table = result.stdout[result.stdout.rindex("-- sums") :]
    for kind in ("code", "prose", "chat", "all"):
        assert re.search(rf"^{kind} +plain +\d+ +\d+ .*\n +PaSS +\d+ .*\n +auto +\d+ ", table, re.MULTILINE), result.stdout
    assert max(map(len, table.splitlines())) <= 80


def test_a_full_disk_is_told_from_a_failed_call(server):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [str(serving.CLIENT), "generate", "--address", server.address, "--prompt", "The", "--quiet"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=serving.HANG_SECONDS,
            check=False,
            encoding="utf-8",
            env=serving.ENVIRONMENT,
        )
    assert result.returncode == 1
    assert result.stderr == "error: cannot write to standard output: No space left on device\n"


def test_violations_are_printed_once(run):
    result = run("generate", "--prompt", "x", "--max-tokens", "0")
    assert result.stderr.count("stopping.max_tokens") == 1, result.stderr
