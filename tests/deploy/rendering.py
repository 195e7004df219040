"""The chart, rendered: which combinations of values are tried, and what comes out."""

import functools
import json

import yaml

from deployment import CHART, run

EXAMPLES = CHART / "examples"
KUBERNETES = [f"1.{minor}.0" for minor in range(29, 38)]
NEWEST = KUBERNETES[-1]

# name: (examples, settings)
MATRIX = {
    "defaults": ([], {}),
    "cpu": (["cpu"], {}),
    "gpu": (["gpu"], {}),
    "cpu, envoy": (["cpu", "envoy"], {}),
    "cpu, gateway": (["cpu", "gateway"], {}),
    "cpu, monitoring": (["cpu", "monitoring"], {}),
    "gpu, envoy, monitoring": (["gpu", "envoy", "monitoring"], {}),
    "hpa": (["cpu"], {"autoscaling.kind": "hpa", "autoscaling.minReplicas": 2}),
    "image volume": (
        [],
        {
            "model.source": "image",
            "model.image.reference": "registry.example.org/model:1",
            "model.sha256.model\\.gguf": "a" * 64,
            "serviceAccount.create": False,
            "networkPolicy.enabled": False,
            "service.headless": False,
            "topologySpread.enabled": False,
        },
    ),
    "everything named": (
        ["cpu"],
        {
            "fullnameOverride": "inference",
            "image.digest": "sha256:" + "b" * 64,
            "image.repository": "registry.example.org/pass-server",
            "imagePullSecrets[0].name": "registry",
            "model.source": "pvc",
            "model.pvc.subPath": "small",
            "server.threads": 4,
            "server.weights": "as-stored",
            "server.drainTimeout": 12.5,
            "server.extra.max-message-mib": 8,
            "server.modelName": "small",
            "server.controlArm": 0.02,
            "server.vllmMetrics": True,
            "priorityClassName": "high",
            "podLabels.team": "language",
            "podAnnotations.note": "text",
            "nodeSelector.kind": "fast",
            "service.type": "LoadBalancer",
            "service.annotations.internal": "yes",
        },
    ),
}


def value_flags(examples, settings):
    """Helm's flags for some examples and settings over them."""
    flags = [flag for example in examples for flag in ("--values", EXAMPLES / f"{example}.yaml")]
    return flags + [
        flag for key, value in settings.items() for flag in ("--set-json", f"{key}={json.dumps(value)}")
    ]


def render(examples=(), settings=None, kubernetes=NEWEST, release="pass"):
    """The finished process of helm template."""
    flags = ["--namespace", "inference", "--kube-version", kubernetes, *value_flags(examples, settings or {})]
    return run("helm", "template", release, CHART, *flags)


@functools.cache
def objects(name, kubernetes=NEWEST):
    """The objects of one combination of the matrix."""
    examples, settings = MATRIX[name]
    result = render(examples, settings, kubernetes)
    assert result.returncode == 0, result.stderr
    # libyaml's reader: Python's takes seconds for the boards.
    return [document for document in yaml.load_all(result.stdout, Loader=yaml.CSafeLoader) if document]


def of_kind(documents, kind, name=None):
    found = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]


def pod_specs(documents):
    """(name, pod spec) of everything that runs."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document["metadata"]["name"], document["spec"]
        elif document["kind"] in ("Deployment", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]
