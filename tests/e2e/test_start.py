"""What the real program finds wrong with a model before the long work, and how many threads it starts."""

import os
import pathlib
import sys
import time

import pytest

import serving

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import tiny_model  # noqa: E402

STEP_THREAD = "pass-step"


def refuse_dropout(tokenizer):
    tokenizer["model"]["dropout"] = 0.5


def start(folder):
    """The exit code and the last line of a server that is expected to end by itself."""
    return serving.run_server("--model", str(folder))


def test_a_tiny_model_is_served(tmp_path, pb):
    folder = tiny_model.write(tmp_path / "tiny")
    process = serving.server_process.ServerProcess([str(serving.SERVER), "--model", str(folder)])
    with process:
        client = serving.ServiceClient(pb, process.address)
        assert client.stream(client.request("x", temperature=0, max_tokens=3, ignore_eos=True)).token_ids
        client.close()


def test_a_weight_that_is_no_number_is_named(tmp_path):
    broken = "model.layers.0.mlp.up_proj.weight"
    code, line = start(tiny_model.write(tmp_path / "tiny", broken_weight=broken))
    assert code == 1 and broken in line and "not numbers" in line, line


def test_the_tokenizer_is_judged_before_the_weights_are_read(tmp_path):
    folder = tiny_model.write(
        tmp_path / "tiny", broken_weight="model.layers.0.mlp.up_proj.weight", change_tokenizer=refuse_dropout
    )
    code, line = start(folder)
    assert code == 1 and "model.dropout" in line, line


def test_a_head_width_that_the_kernels_lack_is_refused(tmp_path):
    code, line = start(tiny_model.write(tmp_path / "tiny", head_dim=24))
    assert code == 1 and "multiple of 16" in line, line


def test_a_ready_file_is_there_only_while_the_server_serves(tmp_path):
    ready = tmp_path / "ready.json"
    ready.write_text("{}", encoding="utf-8")  # of an earlier run
    code, line = serving.run_server("--model", str(tmp_path / "none.gguf"), "--ready-file", str(ready))
    assert code == 1 and "none.gguf" in line, line
    assert not ready.exists()
    ready.mkdir()
    code, line = serving.run_server("--model", str(tmp_path / "none.gguf"), "--ready-file", str(ready))
    assert code == 1 and "--ready-file" in line, line


def test_the_ready_file_goes_when_the_drain_begins(tmp_path):
    process = serving.server_process.ServerProcess([str(serving.SERVER), "--model", str(tiny_model.write(tmp_path / "tiny"))])
    with process:
        assert process.ready_file.exists()
        process.terminate()
        assert process.process.wait(serving.HANG_SECONDS) == 0
        assert not process.ready_file.exists()


def step_threads(process):
    names = [(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{process.process.pid}/task").iterdir()]
    return names.count(STEP_THREAD)


@pytest.mark.parametrize("flags, count", [((), 0), (("--threads", "3"), 2)], ids=["default", "given"])
def test_the_threads_of_a_step_follow_the_affinity_unless_they_are_given(tmp_path, flags, count):
    folder = tiny_model.write(tmp_path / "tiny")
    cpu = min(os.sched_getaffinity(0))
    command = [str(serving.SERVER), "--model", str(folder), *flags]
    with serving.server_process.ServerProcess(command, prefix=["taskset", "--cpu-list", str(cpu)]) as process:
        assert step_threads(process) == count  # besides the one that calls


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_idle_server_takes_no_processor_time(start_server):
    process, client = start_server("--threads", "2")
    assert client.stream(client.request("x", temperature=0, max_tokens=8)).token_ids
    before = processor_seconds(process)
    time.sleep(2)  # a busy machine takes time from the server and gives it none
    assert processor_seconds(process) - before < 0.5  # a thread that spun would take 2
