import msgspec
import pytest

from krt.client import wording
from krt.client.report import ReceivedReport
from krt.core.report.report_document import ListedTarget
from tests.client.reports import a_cluster, a_document, a_target

# As krt web lists it: without a namespace, and without numbers of pods.
BUNDLE = {
    "kind": "BundleDeployment",
    "namespace": "",
    "name": "shop",
    "updated": None,
    "available": None,
    "desired": None,
}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Deployment shop/web: progressing, 1 of 3 updated, 1 available"),
        ({"cluster": "prod"}, "Deployment shop/web in cluster prod: progressing, 1 of 3 updated, 1 available"),
        ({"kind": "Namespace", "namespace": "", "name": "shop", "state": "ready"},
         "Namespace shop: ready after 2.5 s"),
        ({"state": "ready", "seconds": 12.44}, "Deployment shop/web: ready after 12.4 s"),
        ({"state": "ready", "desired": 0, "seconds": 0, "warnings": ["it has no pods"]},
         "Deployment shop/web: ready; warning: it has no pods"),
        ({"reason": "waits"}, "Deployment shop/web: progressing, 1 of 3 updated, 1 available: waits"),
        ({"desired": 0, "updated": 0, "reason": "waits"}, "Deployment shop/web: progressing: waits"),
        ({"state": "failed", "reason": "no"}, "Deployment shop/web: failed: no"),
        ({"updated": 0, "desired": 0}, "Deployment shop/web: progressing"),
        ({"updated": None, "desired": None, "available": None}, "Deployment shop/web: progressing"),
        ({"available": None}, "Deployment shop/web: progressing, 1 of 3 updated, 0 available"),
        (BUNDLE | {"state": "ready", "digest": "sha256:1"},
         "BundleDeployment shop: ready after 2.5 s; digest sha256:1"),
        (BUNDLE | {"reason": "the registry answered 503"},
         "BundleDeployment shop: progressing: the registry answered 503"),
    ],
)  # fmt: skip
def test_a_target_is_one_line(changes: dict[str, object], text: str) -> None:
    assert wording.target(msgspec.convert(a_target(**changes), ListedTarget)) == text


def test_what_the_reader_looks_for_is_counted_first() -> None:
    states = ("skipped", "ready", "failed", "skipped")
    document = a_document("failed", *(a_target(state=state) for state in states), clusters=[a_cluster(more=3)])
    assert wording.counts(msgspec.convert(document, ReceivedReport)) == "1 ready, 1 failed, 2 skipped, 3 more"
