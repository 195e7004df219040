"""The Helm chart: it renders in every combination, is valid for every Kubernetes, and means what it says."""

import hashlib
import json
import re
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from custom_schemas import SCHEMAS
from deployment import CHART, REPOSITORY, RULES, run, succeed
from rendering import (
    EXAMPLES,
    KUBERNETES,
    MATRIX,
    containers,
    objects,
    of_kind,
    pod_specs,
    render,
    value_flags,
)

SERVER = "pass-pass-server"
every_combination = pytest.mark.parametrize("name", MATRIX)


@pytest.mark.parametrize("name", MATRIX)
def test_helm_lint_finds_nothing(name):
    succeed("helm", "lint", "--strict", "--quiet", CHART, *value_flags(*MATRIX[name]))


def test_the_newest_kubernetes_that_the_validator_knows_is_tried():
    assert KUBERNETES[-1] == kubernetes_validate.latest_version()


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@every_combination
def test_every_object_is_valid(name, kubernetes):
    if name == "image volume" and kubernetes < "1.31":
        pytest.skip("image volumes came with 1.31")
    for document in objects(name, kubernetes):
        schema = SCHEMAS.get((document["apiVersion"], document["kind"]))
        if schema:
            jsonschema.Draft202012Validator(schema).validate(document)
        else:
            kubernetes_validate.validate(document, kubernetes, strict=True)


def test_the_validator_refuses_a_misspelt_field():
    deployment = json.loads(json.dumps(of_kind(objects("cpu"), "Deployment")))
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[-1], strict=True)


@every_combination
def test_names_are_unique_and_every_object_is_labelled(name):
    documents = objects(name)
    keys = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(keys)) == len(keys)
    for document in documents:
        labels = document["metadata"]["labels"]
        for label in ("name", "instance", "version", "component", "part-of", "managed-by"):
            assert labels[f"app.kubernetes.io/{label}"], (document["kind"], label)
        assert document["metadata"]["namespace"] == "inference"


def test_names_fit_whatever_the_release_is_called():
    result = render(["cpu", "envoy", "monitoring"], release="r" * 53)
    assert result.returncode == 0, result.stderr
    for document in yaml.safe_load_all(result.stdout):
        assert len(document["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in document["metadata"]["labels"].values())


@every_combination
def test_nothing_runs_with_more_rights_than_it_needs(name):
    for pod, spec in pod_specs(objects(name)):
        assert spec["automountServiceAccountToken"] is False, pod
        assert spec["enableServiceLinks"] is False, pod
        security = spec["securityContext"]
        assert (
            security["runAsNonRoot"] is True and security["runAsUser"] > 0 and security["runAsGroup"] > 0
        ), pod
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), pod
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), pod
        for container in containers(spec):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, container["name"]
            assert own["allowPrivilegeEscalation"] is False, container["name"]
            assert own["capabilities"] == {"drop": ["ALL"]}, container["name"]
            assert container["resources"]["requests"]["cpu"], container["name"]
            assert container["resources"]["limits"]["memory"], container["name"]
            assert "cpu" not in container["resources"]["limits"], container["name"]


def server_of(name, kubernetes=KUBERNETES[-1]):
    deployments = [d for d in objects(name, kubernetes) if d["kind"] == "Deployment"]
    spec = next(d for d in deployments if not d["metadata"]["name"].endswith("-envoy"))["spec"]["template"][
        "spec"
    ]
    return spec, spec["containers"][0]


def settings_of(name):
    documents = [d for d in objects(name) if d["kind"] == "ConfigMap"]
    text = next(d["data"]["pass-server.toml"] for d in documents if "pass-server.toml" in d["data"])
    return dict(line.split(" = ", 1) for line in text.strip().splitlines())


def test_probes_are_native_and_ask_for_readiness_and_liveness():
    _, server = server_of("cpu")
    ready = {"port": 50051, "service": "pass_server.v1.PassService"}
    assert server["startupProbe"]["grpc"] == ready
    assert server["readinessProbe"]["grpc"] == ready
    assert server["livenessProbe"]["grpc"] == {"port": 50051}
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600


@every_combination
def test_the_grace_period_is_longer_than_sleep_and_drain(name):
    spec, server = server_of(name)
    sleep = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = float(settings_of(name)["drain-timeout"])
    # The server ends by itself 12 seconds after the drain at the latest: docs/OPERATIONS.md, "Drain".
    assert spec["terminationGracePeriodSeconds"] >= sleep + drain + 12


def test_where_kubernetes_has_no_sleep_action_there_is_none():
    assert "lifecycle" not in server_of("cpu", "1.29.0")[1]
    assert "lifecycle" in server_of("cpu", "1.30.0")[1]


def flags_of_the_server():
    source = (REPOSITORY / "server" / "config.cc").read_text(encoding="utf-8")
    return set(re.findall(r'\.Add\(\s*"([a-z-]+)"', source))


@every_combination
def test_every_setting_is_a_flag_of_the_server(name):
    assert set(settings_of(name)) <= flags_of_the_server()


def test_every_flag_that_concerns_an_operator_has_a_value():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["server"]
    named = {re.sub("[A-Z]", lambda letter: "-" + letter.group().lower(), key) for key in values} - {"extra"}
    # Given by the chart itself, or of no use in a pod; limits of messages are for server.extra.
    others = {
        "listen",
        "metrics-listen",
        "ready-file",
        "max-message-mib",
        "max-prompt-bytes",
        "outbox-tokens",
    }
    assert named == flags_of_the_server() - others


@every_combination
def test_the_server_listens_on_the_ports_that_are_probed_and_scraped(name):
    _, server = server_of(name)
    environment = {variable["name"]: variable.get("value") for variable in server["env"]}
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert environment["PASS_LISTEN"] == f"0.0.0.0:{ports['grpc']}"
    assert environment["PASS_METRICS_LISTEN"] == f"0.0.0.0:{ports['metrics']}"
    assert server["readinessProbe"]["grpc"]["port"] == ports["grpc"]


def test_threads_follow_the_cpu_request_unless_they_are_given():
    threads = next(v for v in server_of("cpu")[1]["env"] if v["name"] == "PASS_THREADS")
    assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "requests.cpu"
    assert "threads" not in settings_of("cpu")
    assert settings_of("everything named")["threads"] == "4"
    assert all(v["name"] != "PASS_THREADS" for v in server_of("everything named")[1]["env"])


def test_a_budget_exists_for_more_than_one_replica_only():
    assert not [d for d in objects("cpu") if d["kind"] == "PodDisruptionBudget"]
    for name in ("cpu, envoy", "hpa", "cpu, monitoring"):
        assert of_kind(objects(name), "PodDisruptionBudget", SERVER)["spec"]["maxUnavailable"] == 1
    assert of_kind(objects("cpu, envoy"), "PodDisruptionBudget", f"{SERVER}-envoy")


def test_replicas_are_left_to_the_autoscaler():
    for name, kind in (("hpa", "HorizontalPodAutoscaler"), ("cpu, monitoring", "ScaledObject")):
        deployment = of_kind(objects(name), "Deployment")
        assert "replicas" not in deployment["spec"]
        assert (
            of_kind(objects(name), kind)["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        )


def test_other_settings_give_other_pods_and_other_replicas_do_not():
    def checksum(settings):
        deployment = of_kind(yaml.safe_load_all(render(["cpu"], settings).stdout), "Deployment")
        return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum({}) == checksum({"replicaCount": 3})
    assert checksum({}) != checksum({"server.maxQueue": 65})
    assert checksum({}) != checksum({"model.sha256.other\\.bin": "c" * 64})


def test_services_find_the_pods_and_the_headless_one_has_no_address():
    documents = objects("cpu, envoy")
    labels = of_kind(documents, "Deployment", SERVER)["spec"]["template"]["metadata"]["labels"]
    for service in (SERVER, f"{SERVER}-headless"):
        spec = of_kind(documents, "Service", service)["spec"]
        assert spec["selector"].items() <= labels.items()
    assert of_kind(documents, "Service", f"{SERVER}-headless")["spec"]["clusterIP"] == "None"
    envoy = of_kind(documents, "Deployment", f"{SERVER}-envoy")["spec"]["template"]["metadata"]["labels"]
    assert not of_kind(documents, "Service", SERVER)["spec"]["selector"].items() <= envoy.items()


def test_the_network_policy_opens_two_ports_and_no_way_out():
    spec = of_kind(objects("gpu"), "NetworkPolicy")["spec"]
    assert [rule["ports"] for rule in spec["ingress"]] == [[{"port": "grpc"}], [{"port": "metrics"}]]
    assert spec["egress"] == [] and set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert all(rule["from"] for rule in spec["ingress"])
    way_in, names = of_kind(objects("cpu, envoy"), "NetworkPolicy", f"{SERVER}-envoy")["spec"]["egress"]
    assert way_in["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "server"
    assert {port["port"] for port in names["ports"]} == {53}
    clients = of_kind(objects("cpu, gateway"), "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert any("namespaceSelector" in client for client in clients)
    assert any(
        client["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"
        for client in clients
        if "podSelector" in client
    )


def test_the_rules_and_boards_are_those_of_the_files():
    documents = objects("cpu, monitoring")
    groups = of_kind(documents, "PrometheusRule")["spec"]["groups"]
    files = [
        yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in sorted(RULES.glob("*.yaml"))
    ]
    assert groups == [group for part in files for group in part]
    for board in ("overview", "speculation"):
        data = of_kind(documents, "ConfigMap", f"{SERVER}-{board}")["data"]
        kept = json.loads((CHART / "files" / "boards" / f"{board}.json").read_text(encoding="utf-8"))
        assert json.loads(data[f"pass-server-{board}.json"]) == kept


def test_the_runbooks_links_get_the_address_of_its_page():
    url = "https://git.example.org/pass/"
    settings = {"metrics.prometheusRule.enabled": True, "metrics.prometheusRule.runbookBaseUrl": url}
    rule = of_kind(yaml.safe_load_all(render(["cpu"], settings).stdout), "PrometheusRule")
    alerts = [rule for group in rule["spec"]["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts
    assert all(alert["annotations"]["runbook_url"].startswith(f"{url}docs/RUNBOOK.md#") for alert in alerts)


@pytest.fixture
def model_check(tmp_path):
    """(folder, check): the rendered container that checks the model's files, run here instead of in a pod."""
    assert shutil.which("sha256sum")
    (tmp_path / "sub").mkdir()
    files = {"model.gguf": b"weights", "sub/lookahead.safetensors": b"tokens"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    settings = {
        f"model.sha256.{name.replace('.', chr(92) + '.')}": hashlib.sha256(content).hexdigest()
        for name, content in files.items()
    }
    documents = list(yaml.safe_load_all(render([], settings).stdout))
    spec = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    container = next(c for c in spec["initContainers"] if c["name"] == "verify-model")
    assert container["workingDir"] == next(
        mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "model"
    )
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(of_kind(documents, "ConfigMap")["data"]["SHA256SUMS"], encoding="utf-8")
    command = [str(sums) if word == "/etc/pass-server/SHA256SUMS" else word for word in container["command"]]
    return (
        tmp_path,
        lambda: subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode,
    )


def test_whole_files_pass_the_check(model_check):
    _, check = model_check
    assert check() == 0


@pytest.mark.parametrize("harm", ["a flipped bit", "a cut end", "a missing file"])
def test_a_harmed_file_keeps_the_server_from_starting(model_check, harm):
    folder, check = model_check
    path = folder / "sub" / "lookahead.safetensors"
    if harm == "a missing file":
        path.unlink()
    else:
        path.write_bytes(b"tokent" if harm == "a flipped bit" else b"token")
    assert check() != 0


def test_a_fetching_container_comes_before_the_check():
    spec, server = server_of("cpu")
    assert [container["name"] for container in spec["initContainers"]] == ["fetch-model", "verify-model"]
    mount = next(mount for mount in server["volumeMounts"] if mount["name"] == "model")
    assert mount["readOnly"] is True


def test_helm_test_asks_for_health_and_one_completion():
    pod = of_kind(objects("cpu"), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    health, generate = containers(pod["spec"])
    for container, command in ((health, "health"), (generate, "generate")):
        assert container["image"] == server_of("cpu")[1]["image"]
        assert container["command"] == ["/opt/pass/bin/pass-client"]
        assert container["args"][:3] == [command, "--address", f"{SERVER}:50051"]


REFUSED = {
    "an unknown key": {"replicas": 2},
    "an unknown key inside": {"server.maxQueues": 2},
    "a text for a number": {"server.maxQueue": "many"},
    "a method that does not exist": {"server.method": "fast"},
    "a type that does not exist": {"server.dtype": "int8"},
    "weights that do not exist": {"server.weights": "w2"},
    "too many rows": {"server.maxRows": 65},
    "the tag latest": {"image.tag": "latest"},
    "half a digest": {"image.digest": "sha256:12"},
    "a source that does not exist": {"model.source": "hostPath"},
    "a relative path": {"server.model": "model.gguf"},
    "half a hash": {"model.sha256.model": "12ab"},
    "an absolute path to check": {"model.sha256./models/x": "a" * 64},
    "root": {"podSecurityContext.runAsUser": 0},
    "a port of the system": {"service.port": 443},
    "no sleep before SIGTERM": {"shutdown.preStopSeconds": 0},
    "a margin shorter than the server's own": {"shutdown.marginSeconds": 5},
    "an autoscaler that does not exist": {"autoscaling.kind": "vpa"},
    "a gateway without parents": {"gateway.enabled": True},
    "an address among the extra flags": {"server.extra.listen": "[::]:1"},
    "no claim": {"model.pvc.claimName": ""},
    "no image that holds the model": {"model.source": "image"},
    "no image that fetches the model": {"model.source": "initContainer"},
    "an Envoy that cannot find replicas": {"envoy.enabled": True, "service.headless": False},
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_values_are_refused_by_name(name):
    settings = REFUSED[name]
    result = render([], settings)
    assert result.returncode != 0, result.stdout[:500]
    last = re.split(r"[./]", list(settings)[0])[0]
    assert last in result.stderr, result.stderr


def leaves(values, path=()):
    """Every key of the values whose own value is not a section."""
    for key, value in values.items():
        if isinstance(value, dict) and value and not {"labels", "requests", "limits"}.intersection({key}):
            yield from leaves(value, path + (key,))
        else:
            yield path + (key,)


def test_every_key_has_a_comment():
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    values = yaml.safe_load("\n".join(lines))
    expected = sum(1 for _ in leaves(values))
    commented = 0
    for index, line in enumerate(lines):
        match = re.match(r"( *)[A-Za-z0-9]+:( .+)?$", line)
        if match and match.group(2) or line.rstrip().endswith("scrapers:"):
            assert lines[index - 1].strip().startswith("#"), f"values.yaml:{index + 1}: {line.strip()}"
            commented += 1
    assert commented == expected


def test_the_schema_knows_exactly_the_keys_of_the_values():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def compare(part, node, path):
        assert node["additionalProperties"] is False, path
        assert set(node["properties"]) - {"global"} == set(part), path
        for key, value in part.items():
            if "properties" in node["properties"][key]:
                compare(value, node["properties"][key], f"{path}.{key}")

    compare(values, schema, "values")


def test_the_version_is_that_of_the_server():
    project = re.search(
        r"project\(pass VERSION ([0-9.]+)", (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    )
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == project.group(
        1
    )
    assert yaml.safe_load((EXAMPLES / "gpu.yaml").read_text())["image"]["tag"] == f"{project.group(1)}-cuda"


def test_helm_packs_the_chart_with_rules_and_boards(tmp_path):
    succeed("helm", "package", CHART, "--destination", tmp_path)
    archive = next(tmp_path.glob("*.tgz"))
    names = subprocess.run(["tar", "tzf", archive], capture_output=True, encoding="utf-8", check=True).stdout
    for name in ("files/rules/alerts.yaml", "files/boards/speculation.json", "values.schema.json"):
        assert f"pass-server/{name}" in names
    assert run("helm", "template", "x", archive).returncode == 0
