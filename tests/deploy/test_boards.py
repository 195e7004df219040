"""Grafana's boards: the JSON is what the generator makes, and obeys the rules of a good board."""

import json
import re

import pytest
import yaml

from deployment import BOARDS, DEPLOY, RULES, succeed

FILES = sorted(BOARDS.glob("*.json"))
# $__range stands where a panel counts over the chosen time rather than a rate.
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$job": ".+", "$instance": ".+"}


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def every_panel():
    boards = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
    return [
        pytest.param(panel, id=f"{name}: {panel['title']}")
        for name, board in boards.items()
        for panel in panels(board)
    ]


def expressions(panel):
    return [target["expr"] for target in panel["targets"]]


def recorded_names():
    groups = yaml.safe_load((RULES / "recording.yaml").read_text(encoding="utf-8"))["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def test_the_boards_are_what_the_generator_makes(tmp_path):
    succeed("python", DEPLOY / "grafana" / "build.py", tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json")}
    kept = {path.name: path.read_text(encoding="utf-8") for path in FILES}
    assert made == kept, "run deploy/grafana/build.py with .venv-deploy's Python"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_board_can_be_provisioned_anywhere(path):
    board = json.loads(path.read_text(encoding="utf-8"))
    assert board["uid"] == f"pass-server-{path.stem}"
    assert board["editable"] is False
    assert board["schemaVersion"] >= 39
    assert "id" not in board and "version" not in board
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job", "instance"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len({panel["title"] for panel in panels(board)}) == len(panels(board))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_two_panels_overlap_and_no_gap_is_left(path):
    cells = {}
    board = json.loads(path.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies on {cells.get((x, y))}"
                cells[x, y] = panel["title"]
    height = max(y for _, y in cells) + 1
    missing = [(x, y) for x in range(24) for y in range(height) if (x, y) not in cells]
    assert not missing, missing


@pytest.mark.parametrize("panel", every_panel())
def test_a_panel_says_what_it_shows_and_what_good_looks_like(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"] and len(panel["description"]) > 20 and panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"] == "no traffic"
    special = [mapping for mapping in defaults["mappings"] if mapping["type"] == "special"]
    assert special[0]["options"]["match"] == "null+nan"
    assert special[0]["options"]["result"]["text"] == "no traffic"


@pytest.mark.parametrize("panel", every_panel())
def test_a_panel_asks_for_what_is_chosen_and_nothing_else(panel):
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == source
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["datasource"] == source
        expression = target["expr"]
        selectors = re.findall(r"pass[_:][a-z0-9_:]+(\{[^}]*\})?", expression)
        assert selectors
        for selector in selectors:
            assert 'job=~"$job"' in selector and 'instance=~"$instance"' in selector, expression
        for window in re.findall(r"\b(?:rate|irate)\([^\[]*\[([^\]]*)\]", expression):
            assert window == "$__rate_interval", expression
        for window in re.findall(r"\[([^\]]*)\]", expression):
            assert window in VARIABLES, expression


@pytest.mark.parametrize("panel", every_panel())
def test_a_recorded_series_that_a_panel_asks_for_is_recorded_by_instance(panel):
    """A panel limited to an instance would find nothing in a series that is summed over instances."""
    names = {name for text in expressions(panel) for name in re.findall(r"pass:[a-z0-9_]+:[a-z0-9_]+", text)}
    assert names <= recorded_names()
    groups = yaml.safe_load((RULES / "recording.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if rule["record"] in names):
        assert "instance" in rule["expr"], rule["record"]


def test_prometheus_can_read_every_expression(tmp_path):
    rules = []
    for parameter in every_panel():
        for index, text in enumerate(expressions(parameter.values[0])):
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            assert "$" not in text, text
            rules.append({"record": f"panel:{len(rules)}", "expr": text})
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    succeed("promtool", "check", "rules", path)
    rules[0]["expr"] += ")"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    with pytest.raises(AssertionError, match="could not parse"):
        succeed("promtool", "check", "rules", path)
