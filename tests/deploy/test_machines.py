"""One machine without Kubernetes: compose, the systemd unit, Prometheus' and Grafana's settings."""

import configparser
import json
import re

import yaml

from deployment import BOARDS, DEPLOY, REPOSITORY, RULES, succeed


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def mounts(service):
    """{folder inside: path in the repository} of what compose mounts from here."""
    volumes = [volume.split(":") for volume in compose()["services"][service]["volumes"]]
    return {inside: DEPLOY / source for source, inside, *_ in volumes if source.startswith("./")}


def flags():
    source = (REPOSITORY / "server" / "config.cc").read_text(encoding="utf-8")
    return set(re.findall(r'\.Add\("([a-z-]+)"', source))


def test_compose_serves_on_loopback_with_few_rights():
    services = compose()["services"]
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+$", service["image"]), name
    server = services["server"]
    assert server["read_only"] is True and server["cap_drop"] == ["ALL"]
    given = {word.removeprefix("--") for word in server["command"] if word.startswith("--")}
    given |= {name.removeprefix("PASS_").lower().replace("_", "-") for name in server["environment"]}
    assert given <= flags()
    seconds = int(server["stop_grace_period"].removesuffix("s"))
    assert seconds > 90 + 12  # docs/OPERATIONS.md, "Drain"


def test_what_compose_mounts_is_there():
    for service in ("prometheus", "grafana"):
        assert mounts(service)
        for path in mounts(service).values():
            assert path.exists(), path


def test_prometheus_finds_its_rules_where_compose_mounts_them():
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    inside = mounts("prometheus")
    assert inside["/etc/prometheus/rules"].resolve() == RULES.resolve()
    assert config["rule_files"] == ["rules/*.yaml"] and "/etc/prometheus/prometheus.yml" in inside
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == ["server:9090"]
    checked = succeed("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yaml")
    assert "2 rule files found" in checked


def test_grafana_finds_prometheus_and_the_boards():
    folder = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((folder / "dashboards" / "boards.yaml").read_text(encoding="utf-8"))[
        "providers"
    ][0]
    inside = mounts("grafana")
    assert inside[provider["options"]["path"]].resolve() == BOARDS.resolve()
    assert inside["/etc/grafana/provisioning"].resolve() == folder.resolve()
    home = compose()["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    name = home.removeprefix(provider["options"]["path"] + "/")
    assert json.loads((BOARDS / name).read_text(encoding="utf-8"))["uid"] == "pass-server-speculation"


def unit():
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / "pass-server.service", encoding="utf-8")
    return parser


def test_the_unit_ends_in_order_and_holds_no_rights():
    service = unit()["Service"]
    assert int(service["TimeoutStopSec"]) > 90 + 12  # docs/OPERATIONS.md, "Drain"
    assert service["ExecStart"] == "/opt/pass/bin/pass-server --config /etc/pass-server/pass-server.toml"
    assert service["DynamicUser"] == "yes" and service["CapabilityBoundingSet"] == ""
    assert service["NoNewPrivileges"] == "yes" and service["ProtectSystem"] == "strict"


def test_the_units_settings_are_flags():
    text = (DEPLOY / "systemd" / "pass-server.toml").read_text(encoding="utf-8")
    keys = set(re.findall(r"^(?:# )?([a-z-]+) = ", text, flags=re.MULTILINE))
    assert {"model", "lookahead-file"} <= keys <= flags()
