"""A pod's life as a kubelet runs it, with the probes and the grace period of the chart's manifest and the real server:
startup until ready, 32 streams, the sleep before SIGTERM, the drain, the end within the grace period.

The kubelet's pauses between two looks are left out, so what takes time here is the server's own.
"""

import concurrent.futures
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving

MANIFEST = serving.REPOSITORY / "deploy" / "manifests" / "cpu" / "manifest.yaml"
STREAMS = 32
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def pod_spec():
    documents = yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    deployment = next(document for document in documents if document and document["kind"] == "Deployment")
    return deployment["spec"]["template"]["spec"]


class Pod:
    """The server as a container, on a socket whose name is known before it listens."""

    def __init__(self, pb, folder, *flags):
        self.spec = pod_spec()
        self.container = self.spec["containers"][0]
        address = f"unix:{folder / 'grpc'}"
        command = [serving.SERVER, "--model", serving.model_path(), "--lookahead-file", serving.LOOKAHEAD]
        command += ["--listen", address, "--metrics-listen", "127.0.0.1:0", *flags]
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, env=serving.ENVIRONMENT
        )
        self.client = serving.ServiceClient(pb, address)
        self.health = health_pb2_grpc.HealthStub(self.client.channel)

    def look(self, kind):
        """One look of the startup, readiness or liveness probe; what it was told, None if nothing answered in time."""
        service = self.container[f"{kind}Probe"]["grpc"].get("service", "")
        timeout = self.container[f"{kind}Probe"]["timeoutSeconds"]
        try:
            return self.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout).status
        except grpc.RpcError:
            return None

    def answer(self, kind):
        """What a probe is told: on a machine so slow that a look meets its limit, the next one."""
        while (answer := self.look(kind)) is None:
            assert self.process.poll() is None, self.text()
        return answer

    def start(self):
        """Looks until the startup probe succeeds; returns what it was told and how long it took."""
        answers, begin, pause = [], time.monotonic(), threading.Event()
        while not answers or answers[-1] != SERVING:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() - begin < serving.HANG_SECONDS, self.text()
            answers.append(self.look("startup"))
            pause.wait(0.02)
        return answers, time.monotonic() - begin

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def close(self):
        self.client.close()
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture
def make_pod(pb, tmp_path):
    pods = []

    def make(*flags):
        pods.append(Pod(pb, tmp_path, *flags))
        return pods[-1]

    yield make
    for pod in pods:
        pod.close()


def open_streams(pod, prompts, tokens):
    """The futures of as many completions as STREAMS; the first of them is running."""
    begun = threading.Event()

    def read(index):
        request = pod.client.request(prompts[index], temperature=0, max_tokens=tokens, ignore_eos=True)
        result = serving.Completion()
        try:
            for message in pod.client.generate(request, timeout=serving.HANG_SECONDS):
                begun.set()
                result.token_ids += message.token_ids
                if message.HasField("finish"):
                    result.finish = message.finish
        except grpc.RpcError as error:
            result.code, result.details = error.code(), error.details()
        return result

    pool = concurrent.futures.ThreadPoolExecutor(STREAMS)
    futures = [pool.submit(read, index) for index in range(STREAMS)]
    pool.shutdown(wait=False)
    assert begun.wait(serving.HANG_SECONDS)
    return futures


def wait_until_all_are_taken(pod, futures):
    """Until running, waiting and finished requests are all that were sent: none is still on its way to the server."""
    address = next(word for word in pod.text().split() if word.startswith("metrics=")).removeprefix(
        "metrics="
    )
    names = ("pass_requests_running ", "pass_requests_waiting ", "pass_requests_total{")
    pause = threading.Event()
    while not all(future.done() for future in futures):
        lines = urllib.request.urlopen(f"http://{address}/metrics").read().decode().splitlines()
        if sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(names)) >= STREAMS:
            return
        pause.wait(0.02)


def test_a_pod_starts_serves_and_ends_without_losing_a_stream(make_pod, prompts):
    pod = make_pod()
    answers, seconds = pod.start()
    startup = pod.container["startupProbe"]
    assert seconds < startup["periodSeconds"] * startup["failureThreshold"]
    assert set(answers) <= {None, NOT_SERVING, SERVING}  # ready at once after warm-up, and never before
    assert pod.answer("readiness") == SERVING and pod.answer("liveness") == SERVING

    tokens = 48
    futures = open_streams(pod, prompts, tokens)
    # The pod has left the Service and sleeps: what still comes is served.
    assert pod.container["lifecycle"]["preStop"]["sleep"]["seconds"] > 0
    wait_until_all_are_taken(pod, futures)
    assert pod.answer("readiness") == SERVING

    begin = time.monotonic()
    pod.process.terminate()
    readiness = pod.health.Watch(health_pb2.HealthCheckRequest(service="pass_server.v1.PassService"))
    try:
        assert any(answer.status == NOT_SERVING for answer in readiness)
        assert pod.look("liveness") in (
            SERVING,
            None,
        )  # a drain is no reason for a restart; None: it has ended already
    except grpc.RpcError:
        pass  # it ended before the look
    code = pod.process.wait(serving.HANG_SECONDS)
    seconds = time.monotonic() - begin

    assert code == 0, pod.text()
    for future in futures:
        result = future.result(serving.HANG_SECONDS)
        if result.code == grpc.StatusCode.OK:
            assert len(result.token_ids) == tokens and result.finish is not None
        else:  # on a machine so slow that the drain's 90 seconds are over
            assert result.code == grpc.StatusCode.UNAVAILABLE, result.details
    sleep = pod.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert seconds < pod.spec["terminationGracePeriodSeconds"] - sleep


def test_streams_that_outlast_the_drain_are_told_unavailable(make_pod, prompts):
    pod = make_pod("--drain-timeout", "0.5")
    pod.start()
    futures = open_streams(pod, prompts, tokens=3000)
    wait_until_all_are_taken(pod, futures)
    pod.process.terminate()
    assert pod.process.wait(serving.HANG_SECONDS) == 0, pod.text()
    codes = [future.result(serving.HANG_SECONDS).code for future in futures]
    assert set(codes) == {grpc.StatusCode.UNAVAILABLE}, codes
