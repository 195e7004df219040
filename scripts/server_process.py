"""A pass-server as a child process on free ports, for the tests and the benchmarks. Standard library only."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

# No start and no end takes so long, on the slowest machine beside other programs: a hang fails instead of blocking.
HANG_SECONDS = 1800


def environment_without_flags():
    """The programs take PASS_* variables for flags. Those of the caller are not handed on, but for the limit of the kernels."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PASS_") or name == "PASS_MAX_ISA"
    }


class ServerProcess:
    """A running server; `command` begins with the program; addresses in it hold. `stop()` sends SIGTERM and returns the exit code.

    Of the caller's PASS_* variables it sees PASS_MAX_ISA alone.
    `prefix`: a program that starts the command, with its arguments. (Code between fork and exec would meet gRPC's own handlers.)
    """

    def __init__(self, command, prefix=()):
        self._folder = tempfile.TemporaryDirectory()
        self.ready_file = pathlib.Path(self._folder.name) / "ready.json"
        ports = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--ready-file", str(self.ready_file)]
        self.log = []
        self._ready = threading.Event()
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, command[0], *ports, *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment_without_flags(),
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        started = self._ready.wait(HANG_SECONDS)
        self.seconds_to_ready = time.monotonic() - begin
        if not started or not self.ready_file.exists():
            self.process.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.log))
        self.addresses = json.loads(self.ready_file.read_text(encoding="utf-8"))

    def _read_log(self):
        for line in self.process.stdout:
            self.log.append(line)
            if " ready " in line:
                self._ready.set()
        self._ready.set()  # the end of the log: whoever waits looks for the file

    @property
    def address(self):
        return self.addresses["grpc"]

    def scrape(self):
        """All samples of /metrics: {series with its labels: value}."""
        url = f"http://{self.addresses['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=HANG_SECONDS) as reply:
            text = reply.read().decode()
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                samples[series] = float(value)
        return samples

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=HANG_SECONDS):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(HANG_SECONDS)
        self._folder.cleanup()
        return code

    def stop(self):
        self.terminate()
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.stop()
