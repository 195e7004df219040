"""What people give the real program by mistake, and what happens at its ports beside the calls."""

import resource
import socket
import subprocess
import urllib.request

import pytest

import serving

MODEL = ("--model", "no-such-model.gguf")  # refused before anybody looks for it


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)))


@pytest.mark.parametrize(
    "flags, names",
    [
        (("--log-level", "loud"), "--log-level must be"),
        (("--context-length", "1"), "--context-length must be"),
        (("--kv-cache-mib", "1000000000"), "--kv-cache-mib 1000000000 is more than"),
        (("--listen", "127.0.0.1:99999"), "from 0 to 65535"),
        (("--drain-timeout", "nan"), "--drain-timeout must be"),
        (("--max-quue", "3"), "did you mean --max-queue?"),
        (("--method", "pass"), "--lookahead-file"),
        (("--ready-file", "--reflection"), "--ready-file needs a value"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_a_setting_that_cannot_be_meant_is_refused_on_stderr(flags, names):
    code, line = serving.run_server(*MODEL, *flags, stdout=subprocess.DEVNULL)
    assert code == 1 and names in line, line


@pytest.mark.parametrize(
    "text, names",
    [
        ("max_queue = 3\n", "did you mean max-queue?"),
        ("max-queue: 3\n", "YAML"),
        ('{"max-queue": 3}\n', "JSON"),
        ("[server]\nmax-queue = 3\n", "remove the line"),
        ("\x7fELF\x01\x02\n", "not text"),
    ],
    ids=["underscore", "yaml", "json", "section", "binary"],
)
def test_a_configuration_file_is_refused_by_its_line(tmp_path, text, names):
    file = tmp_path / "pass.conf"
    file.write_text(text, encoding="utf-8")
    for flags, environment in ((("--config", str(file)), None), ((), {"PASS_CONFIG": str(file)})):
        code, line = serving.run_server(*MODEL, *flags, environment=environment)
        assert code == 1 and f"{file}:1: " in line and names in line, line


def test_a_configuration_file_must_be_there(tmp_path):
    code, line = serving.run_server(*MODEL, environment={"PASS_CONFIG": str(tmp_path / "none")})
    assert code == 1 and "PASS_CONFIG" in line, line


def test_an_empty_variable_is_as_one_that_is_not_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, line = serving.run_server(*MODEL, "--reflection", environment={"PASS_READY_FILE": ""})
    assert code == 1 and "no-such-model.gguf" in line, line
    assert not list(tmp_path.iterdir())


def test_the_server_tells_its_true_addresses_and_the_name_of_a_snapshot(tmp_path, start_server):
    path = tmp_path / "s.sock"
    process, client = start_server(
        "--listen", f"unix:{path}", "--metrics-listen", "[::1]:0", "--model-name", "org/name"
    )
    assert process.addresses["grpc"] == f"unix:{path}"
    assert process.addresses["metrics"].startswith("[::1]:") and not process.addresses["metrics"].endswith(":0")
    assert client.model_info(client.pb.GetModelInfoRequest()).model == "org/name"
    assert client.stream(client.request("x", model="org/name", temperature=0, max_tokens=2)).token_ids
    assert "pass_requests_running" in process.scrape()
    ready = [line for line in process.log if " ready " in line]
    assert f"grpc=unix:{path}" in ready[0], ready


def test_overruled_settings_are_said(start_server):
    process, _ = start_server("--context-length", "100000", "--lookahead", "99")
    warnings = [line for line in process.log if " config " in line and "warning=" in line]
    assert any("--context-length 100000 is above" in line for line in warnings), warnings
    assert any("--lookahead 99 is above" in line for line in warnings), warnings


def test_silent_clients_delay_no_scrape(server):
    # None of these ever asks; one thread of a server that waited for them would be lost for each.
    silent = [connect(server.addresses["metrics"]) for _ in range(40)]
    for index, connection in enumerate(silent):
        if index % 2:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
    with urllib.request.urlopen(f"http://{server.addresses['metrics']}/metrics", timeout=serving.HANG_SECONDS) as reply:
        assert b"pass_requests_running" in reply.read()
    for connection in silent:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)  # still open: the scrape did not wait for its end
        connection.close()


@pytest.mark.parametrize("hard", [1024, None], ids=["low hard limit", "low soft limit"])
def test_a_crowd_of_idle_connections_ends_nothing(start_server, pb, hard):
    _, own_hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if own_hard != resource.RLIM_INFINITY and own_hard < 2000:
        pytest.skip("this machine lends too few file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (own_hard, own_hard))
    process, _ = start_server(prefix=["prlimit", f"--nofile=1024:{hard or own_hard}"])
    crowd = [connect(process.address) for _ in range(1100)]
    crowd[-1].recv(1)  # the server ends it: at once above the limit, otherwise because nothing is said
    for connection in crowd:
        connection.close()
    again = serving.ServiceClient(pb, process.address)
    request = again.request("x", temperature=0, max_tokens=2)
    # What the crowd left may still be on its way out.
    assert list(again.generate(request, wait_for_ready=True, timeout=serving.HANG_SECONDS))
    again.close()
    if hard is None:  # the soft limit was raised, so that all had room
        assert not [line for line in process.log if " connections " in line]
