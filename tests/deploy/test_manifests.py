"""The committed manifests are what the chart renders, and kustomize reads them."""

import subprocess

import pytest
import yaml

from deployment import DEPLOY, TOOLS, succeed

BASES = sorted(path.parent for path in (DEPLOY / "manifests").glob("*/kustomization.yaml"))


def test_the_manifests_are_what_the_chart_renders(tmp_path):
    script = DEPLOY / "manifests" / "render.sh"
    environment = {"HELM": str(TOOLS / "bin" / "helm"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run([script, tmp_path / "out"], check=True, env=environment)
    made = {p.parent.name: p.read_text(encoding="utf-8") for p in (tmp_path / "out").glob("*/manifest.yaml")}
    kept = {base.name: (base / "manifest.yaml").read_text(encoding="utf-8") for base in BASES}
    assert made.keys() == kept.keys()
    for name, text in made.items():
        assert text == kept[name], f"deploy/manifests/{name} is old: run deploy/manifests/render.sh"


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_kustomize_reads_each_base_whole(base):
    built = list(yaml.safe_load_all(succeed("kubectl", "kustomize", base)))
    text = (base / "manifest.yaml").read_text(encoding="utf-8")
    kept = [document for document in yaml.safe_load_all(text) if document]

    def key(document):
        return document["kind"], document["metadata"]["name"]

    assert sorted(map(key, built)) == sorted(map(key, kept))


def test_an_overlay_changes_a_base(tmp_path):
    (tmp_path / "base").mkdir()
    for path in (DEPLOY / "manifests" / "cpu").iterdir():
        (tmp_path / "base" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    overlay = {"resources": ["base"], "replicas": [{"name": "pass-server", "count": 3}], "namespace": "mine"}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    built = list(yaml.safe_load_all(succeed("kubectl", "kustomize", tmp_path)))
    deployment = next(document for document in built if document["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 3 and deployment["metadata"]["namespace"] == "mine"
