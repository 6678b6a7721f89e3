import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.stages import in_deletion_order, in_stages, is_custom
from tests.core.delivery.objects import key_of, manifest_of

NAMESPACE, SECRET, CONFIG = "Namespace shop", "Secret shop/db", "ConfigMap shop/web"
DEPLOYMENT, SERVICE, ACCOUNT = "Deployment.apps shop/web", "Service shop/web", "ServiceAccount shop/web"
ROLE, BINDING = "Role.rbac.authorization.k8s.io shop/web", "RoleBinding.rbac.authorization.k8s.io shop/web"
DEFINITION, WIDGET = "CustomResourceDefinition.apiextensions.k8s.io widgets.example.com", "Widget.example.com shop/one"
WEBHOOK = "ValidatingWebhookConfiguration.admissionregistration.k8s.io web"
API_SERVICE, GAUGE = "APIService.apiregistration.k8s.io v1.metrics.example.com", "Gauge.metrics.example.com shop/one"
CERTIFICATE = "Certificate.cert-manager.io shop/web"


def staged(*spelled: str, **spec: object) -> list[set[str]]:
    """The stages of these objects; `spec` is the definition's."""
    specs = {DEFINITION: {"group": "example.com", **spec}, API_SERVICE: {"group": "metrics.example.com"}}
    manifests = [manifest_of(each, spec=specs.get(each, {})) for each in spelled]
    names = {manifest.key: each for manifest, each in zip(manifests, spelled, strict=True)}
    return [{names[each.key] for each in stage} for stage in in_stages(manifests)]


@pytest.mark.parametrize(
    ("objects", "stages"),
    [
        ([], []),
        ([DEPLOYMENT, SERVICE], [{DEPLOYMENT, SERVICE}]),
        ([DEPLOYMENT, SECRET, CONFIG, NAMESPACE], [{NAMESPACE}, {SECRET, CONFIG}, {DEPLOYMENT}]),
        ([BINDING, DEPLOYMENT, ROLE, ACCOUNT], [{ROLE, ACCOUNT}, {BINDING}, {DEPLOYMENT}]),
        ([WIDGET, DEFINITION, NAMESPACE], [{NAMESPACE}, {DEFINITION}, {WIDGET}]),
        ([WIDGET, DEFINITION, DEPLOYMENT], [{DEFINITION}, {DEPLOYMENT, WIDGET}]),
        ([WIDGET, DEFINITION, DEPLOYMENT, WEBHOOK], [{DEFINITION}, {DEPLOYMENT}, {WEBHOOK}, {WIDGET}]),
        ([CERTIFICATE, DEPLOYMENT, WEBHOOK], [{CERTIFICATE, DEPLOYMENT}, {WEBHOOK}]),
        ([GAUGE, API_SERVICE, DEPLOYMENT], [{DEPLOYMENT}, {API_SERVICE}, {GAUGE}]),
    ],
)
def test_what_others_need_is_applied_before_them(objects: list[str], stages: list[set[str]]) -> None:
    """Seen to fail with every custom resource last: the Deployment waits for the Secret that its Certificate makes."""
    assert staged(*objects) == stages


def test_objects_that_a_webhook_of_theirs_converts_come_after_its_workload() -> None:
    converted = staged(WIDGET, DEFINITION, DEPLOYMENT, conversion={"strategy": "Webhook"})
    assert converted == [{DEFINITION}, {DEPLOYMENT}, {WIDGET}]
    assert staged(WIDGET, DEFINITION, DEPLOYMENT, conversion={"strategy": "None"})[-1] == {DEPLOYMENT, WIDGET}


def test_webhooks_go_first_then_custom_resources_then_the_reverse_of_applying() -> None:
    """Seen to fail with the mere reverse: an APIService goes while objects are there that only it serves."""
    every = [
        *(NAMESPACE, SECRET, CONFIG, DEPLOYMENT, SERVICE, ACCOUNT, ROLE, BINDING, DEFINITION, WIDGET),
        *(WEBHOOK, API_SERVICE, GAUGE, CERTIFICATE),
    ]
    names = {key_of(each): each for each in every}
    assert [{names[key] for key in stage} for stage in in_deletion_order(names)] == [
        {WEBHOOK},
        {WIDGET, GAUGE, CERTIFICATE},
        {API_SERVICE},
        {DEPLOYMENT, SERVICE},
        {SECRET, CONFIG, BINDING},
        {ACCOUNT, ROLE},
        {DEFINITION},
        {NAMESPACE},
    ]


@pytest.mark.parametrize(
    ("spelled", "custom"),
    [
        (DEPLOYMENT, False),
        (SECRET, False),
        ("Lease.coordination.k8s.io shop/x", False),
        ("Gateway.gateway.networking.k8s.io shop/x", True),
        ("VolumeSnapshot.snapshot.storage.k8s.io shop/x", True),
        (WIDGET, True),
    ],
)
def test_a_kind_is_custom_by_its_group(spelled: str, custom: bool) -> None:
    assert is_custom(key_of(spelled)) is custom


EVERY = st.lists(st.sampled_from([DEPLOYMENT, SECRET, NAMESPACE, DEFINITION, WIDGET, WEBHOOK, GAUGE]), unique=True)


@given(EVERY)
def test_every_object_is_in_one_stage_and_none_is_empty(spelled: list[str]) -> None:
    manifests = [manifest_of(each) for each in spelled]
    stages, deleted = in_stages(manifests), in_deletion_order(each.key for each in manifests)
    assert all(stages)
    assert all(deleted)
    keys = sorted(each.key for each in manifests)
    assert sorted(each.key for stage in stages for each in stage) == keys == sorted(k for s in deleted for k in s)
