"""The picture on a terminal, the masked difference and the JSON of krt bundle apply, without a cluster."""

import json
from io import StringIO
from typing import Any

import pytest

from krt.cli.fleet_diff import difference
from krt.cli.fleet_outcome import FleetOutcome, InstanceOutcome
from krt.cli.fleet_run import FleetRun
from krt.cli.main import main
from krt.client.console import Console
from krt.core.delivery.delivery_report import DeliveryReport, Place, delivery_document
from krt.core.fleet.bundle import Instance, Module
from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import EventState
from krt.core.report.target import Target, TargetState
from krt.delivery.instance_delivery import InstanceWishes, PlannedInstance
from krt.secret import Secret

KEY = ObjectKey("", "ConfigMap", "shop", "app")


def test_on_a_terminal_the_instance_is_a_picture_below_its_lines() -> None:
    planned = PlannedInstance(Instance("app", "shop", Module("r/app", "1", ""), {}), "shop", None)
    err, place = StringIO(), Place(KEY, Action.APPLY)
    run = FleetRun(FleetOutcome("apply", []), InstanceWishes(1), Console(StringIO(), err, animated=True))
    report = DeliveryReport("Instance shop/app", 0, EventState.READY)
    shown = delivery_document(report, {place: Target(TargetState.READY)}, {place: ObjectChange.CREATED})
    with run._shown(InstanceOutcome(planned), "instance app on cluster zeta") as show:
        show(shown)
    lines = [line.rstrip() for line in err.getvalue().splitlines()]
    assert lines[0] == "applying instance app"
    assert "instance app on cluster zeta: ready 0 s" in lines
    assert any(line.split() == ["ConfigMap", "shop/app", "created"] for line in lines)


def body(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "app", "namespace": "shop", "uid": "1"}, **fields}


def test_a_difference_has_no_data_of_secrets_and_no_secret_of_the_bundle() -> None:
    old, new = body("Secret", data={"a": "b25l", "b": "c2Ft"}), body("Secret", data={"a": "dHdv", "b": "c2Ft"})
    lines = difference(KEY._replace(kind="Secret"), old, new)
    assert [line for line in lines if "***" in line and line[0] != " "] == [
        '-  a: "*** (before)"',
        '+  a: "*** (after)"',
    ]
    assert not any(value in line for line in lines for value in ("b25l", "dHdv", "c2Ft"))
    config = body("ConfigMap", data={"url": "tcp://:hunter22@redis"})
    assert "hunter22" not in "".join(difference(KEY, None, config, [Secret("hunter22")]))


@pytest.mark.parametrize("action", ["apply", "delete", "status"])
def test_json_is_printed_for_arguments_that_cannot_be_parsed(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bundle", action, "-o", "json"])
    assert ended.value.code == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["clusters"]) == ("error", [])
    assert "-f/--file" in document["error"]
