"""Prometheus' rules: well formed, tested case by case, documented."""

import json
import re

import pytest
import yaml

from deployment import BOARDS, REPOSITORY, RULES, run, succeed

CASES = sorted((REPOSITORY / "tests" / "deploy" / "rules").glob("*.yaml"))


def rules_of(name):
    groups = yaml.safe_load((RULES / f"{name}.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alert_names():
    return [rule["alert"] for rule in rules_of("alerts")]


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(path):
    succeed("promtool", "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rules_give_what_their_cases_expect(path):
    # promtool 2.42 prints its findings and exits 0 for some of them, so the text counts too.
    result = run("promtool", "test", "rules", path)
    assert result.returncode == 0 and "FAILED" not in result.stdout + result.stderr, (
        result.stdout + result.stderr
    )


def test_promtool_fails_on_a_wrong_expectation(tmp_path):
    text = (REPOSITORY / "tests/deploy/rules/recording_test.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "broken.yaml"
    text = text.replace("../../../deploy/helm/pass-server/files/rules", str(RULES))
    broken.write_text(text.replace("value: 1.1}", "value: 1.2}"), encoding="utf-8")
    result = run("promtool", "test", "rules", broken)
    assert "FAILED" in result.stdout + result.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not():
    fires, silent = set(), set()
    for path in CASES:
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for expectation in case.get("alert_rule_test", []):
                (fires if expectation["exp_alerts"] else silent).add(expectation["alertname"])
    assert fires == silent == set(alert_names())


def test_every_recording_rule_has_the_prefix():
    for rule in rules_of("recording"):
        assert re.fullmatch(r"pass:[a-z_]+:[a-z0-9_]+", rule["record"]), rule["record"]


@pytest.mark.parametrize("rule", rules_of("alerts"), ids=alert_names())
def test_every_alert_links_a_paragraph_that_says_what_to_do(rule):
    runbook = (REPOSITORY / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
    assert rule["annotations"]["runbook_url"] == f"docs/RUNBOOK.md#{rule['alert'].lower()}"
    paragraphs = re.split(r"^## ", runbook, flags=re.MULTILINE)
    text = next((part for part in paragraphs if part.startswith(rule["alert"] + "\n")), "")
    for heading in ("Means:", "Look at:", "Do:"):
        assert heading in text, f"docs/RUNBOOK.md, {rule['alert']}: {heading} is missing"
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_what_the_runbook_quotes_is_a_panel_or_a_section():
    runbook = (REPOSITORY / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
    operations = (REPOSITORY / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^#+ (.+)$", operations, flags=re.MULTILINE))
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in BOARDS.glob("*.json")]
    titles = {panel["title"] for board in boards for panel in board["panels"]}
    quoted = set(re.findall(r'"([^"]+)"', runbook))
    assert quoted and quoted <= titles | sections, quoted - titles - sections
