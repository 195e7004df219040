"""The comparison with other programs, on peers whose times are given: turns, medians, failures, tables, the picture's bars."""

import json
import os
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "bench" / "peers"), str(pathlib.Path(__file__).resolve().parent)]
import figures  # noqa: E402
import prompts  # noqa: E402
import report  # noqa: E402
from fake_peer import FakePeer  # noqa: E402
from field import Field  # noqa: E402
from peer import CannotRun  # noqa: E402
from remote_peer import RemotePeer  # noqa: E402

SETS = {"code": [[1, 2], [3]], "prose": [[4]]}


def fake_field(log, **options):
    return Field({name: FakePeer(name, log=log, **options.get(name, {})) for name in ("a", "b", "c")})


def completion(seconds, loops=False, first=1):
    ids = [5] * 65 if loops else list(range(65))
    return {"ids": ids, "first": first, "prefill_seconds": 0.1, "decode_seconds": seconds}


def test_asks_every_peer_a_question_before_the_next_one_in_an_order_that_rotates():
    log = []
    fake_field(log).decode(SETS, 8, rounds=2, warm_up=[[9]])
    turns = [log[i:i + 3] for i in range(0, len(log), 3)]
    assert len(turns) == 1 + 2 * 3  # a warm-up, and two rounds over three prompts
    assert [what for turn in turns for what in {each[1] for each in turn}] == [
        ("generate", tuple(ids)) for ids in ([9], [1, 2], [3], [4], [1, 2], [3], [4])]
    assert ["".join(name for name, _ in turn) for turn in turns] == ["abc", "bca", "cab"] * 2 + ["abc"]


def test_gives_no_prompt_twice_to_prefill():
    log = []
    fake_field(log).prefill(list(range(1000)), [64, 128], rounds=3)
    asked = [ids for name, (_, ids) in log if name == "a"]
    assert len(set(asked)) == len(asked)
    assert [len(ids) for ids in asked] == [64] + [64, 128] * 3  # the first warms up


def test_leaves_out_what_warms_up():
    field = fake_field([])
    assert field.prefill(list(range(1000)), [64], rounds=3)["a"][64] == [0.064] * 3
    assert field.streams([[1], [2]], [1, 2], 50, rounds=2) == {name: {1: [0.5] * 2, 2: [1.0] * 2} for name in "abc"}


def test_goes_on_without_a_peer_that_fails_and_says_so():
    field = fake_field([], b={"fails_at": 3})
    failing = field.peers["b"]
    result = field.decode(SETS, 8, rounds=1, warm_up=[[9]])
    assert field.cannot == {"b": "the worker ended"} and list(field.peers) == ["a", "c"] and failing.closed
    assert [len(rounds) for rounds in result["a"]["code"]] == [1, 1] and len(result["c"]["prose"][0]) == 1


def test_an_interrupt_keeps_the_prompts_that_all_peers_have_answered():
    result = fake_field([], b={"fails_at": 3, "error": KeyboardInterrupt}).decode(SETS, 8, rounds=5, warm_up=[[9]])
    for name in "abc":
        assert [len(rounds) for rounds in result[name]["code"]] == [1, 0] and "prose" not in result[name]
    assert figures.decode_rate(result["a"]["code"]) == (100.0, 0)


def test_takes_the_median_of_the_rounds_and_the_sums_of_the_prompts():
    rate, loops = figures.decode_rate([[completion(1.0), completion(9.0), completion(2.0)], [completion(6.0)]])
    assert rate == pytest.approx((64 + 64) / (2.0 + 6.0)) and loops == 0


def test_leaves_looping_completions_and_the_first_piece_out_of_decoding():
    rate, loops = figures.decode_rate([[completion(4.0, first=5)], [completion(0.1, loops=True)]])
    assert rate == pytest.approx(60 / 4.0) and loops == 1
    assert figures.decode_rate([[completion(1.0, loops=True)]]) == (None, 1)


def test_takes_the_geometric_mean_of_code_and_prose_alone():
    sets = {"code": [[completion(1.0)]], "prose": [[completion(4.0)]], "chat": [[completion(64.0)]]}
    rates = figures.decode_rates({"a": sets})["a"]
    assert rates["mean"] == pytest.approx(32.0) and rates["chat"] == pytest.approx(1.0)


def test_puts_the_samples_of_two_sessions_together():
    one, two = ({"a": {"code": [[1], [2]]}, "b": {"512": [7]}}, {"a": {"code": [[3], [4]]}, "c": {"512": [9]}})
    assert figures.merged([one, two]) == {"a": {"code": [[1, 3], [2, 4]]}, "b": {"512": [7]}, "c": {"512": [9]}}


def test_chooses_the_first_prompts_that_neither_loop_nor_end():
    class Chooser(FakePeer):
        def generate(self, ids, count):
            return {1: FakePeer(loops=True), 2: FakePeer()}.get(ids[0] % 3, FakePeer()).generate(ids, count)

    asked = [[1], [2], [4], [5], [8]]
    assert prompts.choose(Chooser(), asked, 2, 16, ends=[99]) == [[2], [5]]
    assert prompts.choose(Chooser(), asked, 2, 16, ends=[3]) == []


def test_reads_the_turns_of_a_chat():
    assert prompts.messages("@user\nHello\nthere\n@assistant\nYes?\n@user\nBye") == [
        {"role": "user", "content": "Hello\nthere"}, {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Bye"}]


def test_control_tokens_count_in_chats_alone(tmp_path, monkeypatch):
    class ByteTokenizer:
        def encode(self, text, control=False):
            return [control, *text.encode()]

        def render(self, turns):
            return "".join(f"<{each['role']}>" for each in turns)

    monkeypatch.setattr(prompts, "SETS", ("code", "chat"))
    texts = {"code": ["x = <user>"], "chat": ["@system\nS\n@user\nU"]}
    assert prompts.encoded_sets(ByteTokenizer(), lambda path: texts[path.stem]) == {
        "code": [[False, *b"x = <user>"]], "chat": [[True, *b"<system><user>"]]}


def written(folder, measure, number, result, cannot=None):
    names = list(result)
    subject = {"cpu": "A CPU", "threads": 2, "memory_read_gb_per_second": 17.4, "model": "M"}
    document = {"measure": measure, "date": "2026-11-27", "subject": subject, "tokens": 64, "cannot": cannot or {},
                "peers": {name: {"weights": "w", "decoding": "plain", "about": name} for name in names}, "result": result}
    (folder / f"{measure}-{number}.json").write_text(json.dumps(document), encoding="utf-8")


def test_reports_every_measurement_the_fastest_peer_first(tmp_path):
    for number in (1, 2):
        written(tmp_path, "decode", number, {"a": {"code": [[completion(2.0)]], "prose": [[completion(2.0)]]}})
    written(tmp_path, "decode", 3, {"b": {"code": [[completion(1.0)]], "prose": [[completion(1.0)]]}})
    written(tmp_path, "prefill", 1, {"a": {"512": [1.0, 2.0, 4.0]}}, cannot={"z": "no such type"})
    written(tmp_path, "rows", 1, {"a": {"1": [0.01], "8": [0.012], "16": [0.02]}})
    written(tmp_path, "streams", 1, {"a": {"1": [1.0], "8": [2.0]}})
    read = {"code": {"perplexity": 8.0, "tokens": 50}}
    written(tmp_path, "perplexity", 1, {"llama.cpp Q8_0": read, "pass-bench Q8_0": {"code": {"perplexity": 8.2, "tokens": 50}}})
    lines = report.report(tmp_path).splitlines()
    assert [line for line in lines if line.startswith("| b | plain")] == ["| b | plain | 64.0 | 64.0 | **64.0** | 0 |"]
    assert lines.index("| b | plain | 64.0 | 64.0 | **64.0** | 0 |") < lines.index("| a | plain | 32.0 | 32.0 | **32.0** | 0 |")
    for line in ("| a | 256 |", "| a | 10.0 | 12.0 | 20.0 | 1.20 | 2.00 |", "| a | 64 | 256 |",
                 "| Q8_0 | code | 50 | 8.200 | 8.000 | 1.0250 |", "| z | no such type |",
                 "A CPU, 2 threads, memory reads 17, 17, 17 GB/s, 2026-11-27 to 2026-11-27."):
        assert line in lines


def test_refuses_perplexities_over_different_tokens(tmp_path):
    written(tmp_path, "perplexity", 1, {"llama.cpp Q8_0": {"code": {"perplexity": 8.0, "tokens": 50}},
                                        "pass-bench Q8_0": {"code": {"perplexity": 8.0, "tokens": 51}}})
    with pytest.raises(AssertionError, match="different tokens"):
        report.report(tmp_path)


@pytest.fixture
def start_worker(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parent)}
    started = []

    def start(**arguments):
        started.append(RemotePeer("fake_peer:FakePeer", arguments, tmp_path / "log", environment))
        return started[-1]

    yield start
    for peer in started:
        peer.close()


def test_a_peer_in_a_worker_answers_as_one_in_this_process(start_worker):
    remote, local = start_worker(rate=50.0), FakePeer(rate=50.0)
    assert (remote.about(), remote.measures) == (local.about(), local.measures)
    assert remote.generate([1, 2], 9) == local.generate([1, 2], 9)
    assert remote.prefill([1, 2, 3]) == local.prefill([1, 2, 3])
    assert remote.forward([1, 4], 8, 3) == local.forward([1, 4], 8, 3)
    assert remote.streams([[1], [2]], 5) == local.streams([[1], [2]], 5)


def test_a_worker_says_why_its_peer_cannot_run(start_worker):
    with pytest.raises(CannotRun, match="no wheel for this Python"):
        start_worker(cannot="no wheel for this Python")
    with pytest.raises(CannotRun, match="unexpected keyword argument"):
        start_worker(no_such_argument=1)


def test_a_worker_that_ends_is_an_error_that_names_its_log(start_worker, tmp_path):
    remote = start_worker(fails_at=2)
    remote.generate([1], 4)
    with pytest.raises(RuntimeError, match=f"see {tmp_path}"):
        remote.generate([1], 4)
    assert "the worker ended" in (tmp_path / "log").read_text(encoding="utf-8")
