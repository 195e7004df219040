"""A real Prometheus as a child process that scrapes given targets, and the queries of boards against it."""

import json
import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

HANG_SECONDS = 1800


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class PrometheusProcess:
    """Scrapes each second and evaluates the rules each second. `program`: prometheus; `folder`: for its files."""

    def __init__(self, program, folder, targets, rule_files=()):
        folder = pathlib.Path(folder)
        (folder / "rules").mkdir(parents=True)
        for path in map(pathlib.Path, rule_files):
            faster = re.sub(r"(?m)^( *interval:) .*$", r"\1 1s", path.read_text(encoding="utf-8"))
            (folder / "rules" / path.name).write_text(faster, encoding="utf-8")
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules/*.yaml"],
            "scrape_configs": [{"job_name": "pass-server", "static_configs": [{"targets": list(targets)}]}],
        }
        (folder / "prometheus.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        self.address = f"127.0.0.1:{free_port()}"
        self._log = open(folder / "log", "w", encoding="utf-8")
        self._log_path = folder / "log"
        self.process = subprocess.Popen(
            [
                str(program),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.address}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.wait_until(self._is_ready, "Prometheus is ready")

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=HANG_SECONDS) as reply:
                return reply.status == 200
        except urllib.error.URLError:
            return False

    def wait_until(self, condition, what):
        deadline = time.monotonic() + HANG_SECONDS
        while not condition():
            assert self.process.poll() is None, self._log_path.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"not so in {HANG_SECONDS} seconds: {what}"
            time.sleep(0.1)  # Prometheus tells nobody: it must be asked

    def get(self, path, **parameters):
        """The `data` of an API answer. Raises AssertionError with Prometheus' own words on a bad query."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=HANG_SECONDS) as reply:
                answer = json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        """[(labels, value)] now."""
        result = self.get("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def query_range(self, expression, start, end, step):
        """[(labels, [(time, value)])]."""
        result = self.get("query_range", query=expression, start=start, end=end, step=step)["result"]
        return [(series["metric"], [(t, float(v)) for t, v in series["values"]]) for series in result]

    def rules(self):
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def stop(self):
        self.process.terminate()
        self.process.wait(HANG_SECONDS)
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def board_expressions(panel, rate_interval="1m", time_range="10m"):
    """A panel's queries with the board's variables filled in: all jobs and instances."""
    values = {"$__rate_interval": rate_interval, "$__range": time_range, "$job": ".+", "$instance": ".+"}
    expressions = []
    for target in panel.get("targets", []):
        expression = target["expr"]
        for name, value in values.items():
            expression = expression.replace(name, value)
        expressions.append(expression)
    return expressions
