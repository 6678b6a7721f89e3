"""What deploy/monitoring asks Prometheus for is there: each metric, label and value, by those of the real processes."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from krt.dev.embed import embedded
from krt.metrics import Metrics
from krt.serving.denial import Denial
from tests.deploy.rendered import DEPLOY
from tests.fault.krt_process import Krt

RULES = DEPLOY / "monitoring" / "prometheus-rule.yaml"
DASHBOARD = DEPLOY / "monitoring" / "grafana-dashboard.json"
DOCUMENT = DEPLOY.parent / "docs" / "operations.md"
# What the scrape itself adds (pod-monitor.yaml), or the histogram.
OF_THE_SCRAPE = {"job", "namespace", "pod", "instance", "le"}
# Series that begin with the first of their kind: no process has them from the start.
LATER = {
    "krt_requests": {"path": {"event", "report"}, "status": {"202", "401", "403", "503"}, "reason": {"accepted"}},
    "krt_request_seconds": {"path": {"event"}},
    "krt_transport_denials": {"reason": set(Denial)},
    "krt_events": {"outcome": {"accepted", "repeated"}},
}


def alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """What `krt web` and `krt worker` answer to Prometheus, by its own parser."""
    return trio.run(_exposed, tmp_path_factory.mktemp("krt"))


async def _exposed(folder: Path) -> dict[str, Metric]:
    web_settings = ("VALKEY_ADDR", "KRT_OIDC_ISSUER", "GITHUB_OIDC_AUDIENCE", "GITHUB_ALLOWED_ORG")
    names = {"web": web_settings, "worker": ("VALKEY_ADDR", "KUBECONFIG")}
    found: dict[str, Metric] = {}
    async with embedded() as dev, httpx.AsyncClient(trust_env=False) as prometheus:
        for role in ("web", "worker"):
            told = {name: dev.environ[name] for name in (*names[role], "ALLOWED_IMAGE_PREFIX")}
            krt = Krt(role, folder, told)
            krt.spawn()
            try:
                await krt.wait_ready()
                answer = (await prometheus.get(f"{krt.admin_url}/metrics")).raise_for_status()
            finally:
                krt.process.send_kill()
                krt.process.reap()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found |= {family.name: family for family in text_string_to_metric_families(answer.text)}
    return found | _of_a_controller()


def _of_a_controller() -> dict[str, Metric]:
    """The stand-in serves no kinds of RukPak, so there is no process to ask."""
    metrics = Metrics()
    metrics.controller.watch_leader("bundles", leads=lambda: True, retrying=lambda: 0)
    metrics.controller.watch_bundles(deployments=dict, bundles=dict)
    metrics.secrets.watch_deployments(dict)
    return {family.name: family for family in text_string_to_metric_families(metrics.exposition().decode())}


def test_every_metric_that_is_asked_for_exists(exposed: dict[str, Metric]) -> None:
    known = {name for family in exposed.values() for name in series(family)}
    used = {name for text in expressions() for name in re.findall(r"\b(?:krt|process)_\w+", text)}
    assert used - known == set()


def series(family: Metric) -> set[str]:
    """Its names in an expression."""
    match family.type:
        case "counter":
            return {f"{family.name}_total"}
        case "histogram":
            return {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        case _:
            return {family.name}


def test_every_label_and_value_that_is_asked_for_exists(exposed: dict[str, Metric]) -> None:
    for text in expressions():
        for name, matchers in re.findall(r"\b(krt_\w+)\{([^}]*)\}", text):
            family = next(each for each in exposed.values() if name in series(each))
            known = values(family)
            for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
                if label not in OF_THE_SCRAPE:
                    fits = re.compile(value if operator == "=~" else re.escape(value)).fullmatch
                    assert any(map(fits, known[label])), f"{name}: no {label} {value!r}"


def values(family: Metric) -> dict[str, set[str]]:
    found = defaultdict(set, {label: set(known) for label, known in LATER.get(family.name, {}).items()})
    for sample in family.samples:
        for label, value in sample.labels.items():
            found[label].add(value)
    return found


def test_what_an_alert_looks_for_to_increase_is_there_before_it_happens(exposed: dict[str, Metric]) -> None:
    """`increase` does not see a series begin at 1: the first fault of a process would wake nobody."""
    asked = [found for rule in alerts() for found in re.findall(r"increase\((krt_\w+)(?:\{([^}]*)\})?\[", rule["expr"])]
    assert asked
    for name, matchers in asked:
        wanted = re.findall(r'(\w+)=~?"([^"]*)"', matchers)
        samples = [each for family in exposed.values() for each in family.samples if each.name == name]
        assert any(all(re.fullmatch(value, each.labels[label]) for label, value in wanted) for each in samples), name


def test_what_is_summed_by_is_a_label(exposed: dict[str, Metric]) -> None:
    labels = {label for family in exposed.values() for label in values(family)} | OF_THE_SCRAPE
    used = {label for text in expressions() for by in re.findall(r"\bby \(([^)]*)\)", text) for label in by.split(", ")}
    assert used <= labels


def test_every_alert_says_what_it_means_and_has_its_place_in_the_guide() -> None:
    guide = DOCUMENT.read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in guide, rule["alert"]
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())


def test_the_panels_have_places_of_their_own_and_a_source_that_can_be_chosen() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "namespace"]
    places = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & places
        places |= cells
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
