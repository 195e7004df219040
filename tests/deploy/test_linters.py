"""Other people's rules: checkov on the manifests and the Dockerfile, hadolint, shellcheck's part of it."""

import json

import pytest

from deployment import DEPLOY, REPOSITORY, run, succeed

# What we do not follow, and why.
SKIPPED = {
    "CKV_K8S_11": "no CPU limit: a throttled forward stops all streams of the pod at once",
    "CKV_K8S_15": "not Always: tags are versions that never move, and a restart must not need the registry",
    "CKV_K8S_43": "no digest in the examples: image.digest is for the one who releases",
}


def checkov(framework, path):
    """(names of passed checks, names of failed checks). Offline: nothing is fetched, nothing is sent."""
    arguments = ["--framework", framework, "--file", path, "--output", "json", "--compact", "--skip-download"]
    result = run("../checkov/bin/checkov", *arguments)
    report = json.loads(result.stdout)
    assert not report["results"].get("parsing_errors"), report
    assert report["results"]["passed_checks"], "nothing was checked"
    return tuple(
        {f"{c['check_id']}" for c in report["results"][kind]} for kind in ("passed_checks", "failed_checks")
    )


@pytest.mark.parametrize("name", ["cpu", "gpu", "envoy"])
def test_checkov_finds_nothing_but_what_we_skip_for_a_reason(name):
    _, failed = checkov("kubernetes", DEPLOY / "manifests" / name / "manifest.yaml")
    assert failed == set(SKIPPED)  # equal: a reason that is not needed any more goes


def test_checkov_bites(tmp_path):
    text = (DEPLOY / "manifests" / "cpu" / "manifest.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "manifest.yaml"
    broken.write_text(text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"))
    assert "CKV_K8S_22" in checkov("kubernetes", broken)[1]


def test_checkov_finds_nothing_in_the_dockerfile():
    assert checkov("dockerfile", REPOSITORY / "Dockerfile")[1] == set()


def test_hadolint_finds_nothing_in_the_dockerfile():
    succeed(
        "hadolint",
        "--failure-threshold",
        "style",
        "--config",
        DEPLOY / "image" / "hadolint.yaml",
        REPOSITORY / "Dockerfile",
    )


def test_hadolint_bites(tmp_path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "FROM debian\nRUN apt-get update && apt-get install gcc\nCMD run\n", encoding="utf-8"
    )
    found = run("hadolint", dockerfile)
    assert found.returncode != 0
    assert all(rule in found.stdout for rule in ("DL3006", "DL3015", "DL3025")), found.stdout
