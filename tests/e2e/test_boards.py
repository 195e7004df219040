"""The boards and rules against a real Prometheus that scrapes the real server under load: what an operator sees."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest

import serving
from prometheus_process import PrometheusProcess, board_expressions

CHART_FILES = serving.REPOSITORY / "deploy" / "helm" / "pass-server" / "files"
PROMETHEUS = os.environ.get("TEST_PROMETHEUS", str(serving.REPOSITORY / ".venv-deploy" / "bin" / "prometheus"))


def load_of(client, prompts):
    """A round of requests: alone and eight at a time; served, cut short and refused."""
    def request(i, **options):
        return client.request(prompts[i % len(prompts)], max_tokens=40, ignore_eos=True, **options)

    client.stream(request(0, temperature=0))
    client.stream(request(1, temperature=0.8, top_k=10))
    client.stream(request(2, temperature=0, method="pass"))
    client.stream(request(3, temperature=0, method="plain"))
    client.stream_all([request(i, temperature=0) for i in range(8)], concurrency=8)
    client.stream(request(4, temperature=0), cancel_after=3)
    client.stream(request(5, temperature=7000))


@pytest.fixture(scope="module")
def prometheus(server, client, prompts, tmp_path_factory):
    """Prometheus after load that it has seen from its beginning to its end."""
    rules = sorted((CHART_FILES / "rules").glob("*.yaml"))
    folder = tmp_path_factory.mktemp("prometheus")
    with PrometheusProcess(PROMETHEUS, folder, [server.addresses["metrics"]], rules) as prometheus:
        prometheus.wait_until(lambda: prometheus.query("pass_build_info"), "the first scrape")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for _ in range(3):
                pool.submit(load_of, client, prompts).result()
        speedup = "pass:speedup:rate5m"
        prometheus.wait_until(lambda: prometheus.query(speedup), "a recorded speed-up")
        yield prometheus


def panels():
    for path in sorted((CHART_FILES / "boards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            if panel["type"] != "row":
                yield pytest.param(panel, id=f"{path.stem}: {panel['title']}")


@pytest.mark.parametrize("panel", panels())
def test_a_panel_shows_what_happened(prometheus, panel):
    for expression in board_expressions(panel, rate_interval="5m"):
        series = prometheus.query(expression)
        assert series, f"no data: {expression}"
        assert all(value == value for _, value in series), f"not a number: {expression}: {series}"


def test_every_rule_is_evaluated_without_an_error(prometheus):
    rules = prometheus.rules()
    assert len(rules) >= 20
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}


def test_no_alert_fires_on_a_server_that_is_well(prometheus):
    firing = [rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting" and rule["state"] == "firing"]
    assert firing == []


def test_the_metrics_are_clean(server):
    promtool = pathlib.Path(PROMETHEUS).with_name("promtool")
    with urllib.request.urlopen(f"http://{server.addresses['metrics']}/metrics", timeout=serving.HANG_SECONDS) as reply:
        text = reply.read()
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_board_counts_the_tokens_that_clients_got(prometheus, server):
    def on_the_board():
        ((_, value),) = prometheus.query("sum(pass_generated_tokens_total)")
        return value

    # The last scrape may be a second old, and a cancelled stream may have gone on for a step.
    prometheus.wait_until(
        lambda: on_the_board() == server.scrape()["pass_generated_tokens_total"], "a scrape after the last token"
    )
    assert on_the_board() > 0
