"""A BundleDeployment, the Bundle of its template, and the conditions of both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from krt.core.kube.manifest import read_manifest
from krt.core.kube.stated_conditions import StatedCondition
from krt.core.rukpak.bundle import read_bundle
from krt.core.rukpak.bundle_deployment import read_bundle_deployment
from krt.core.rukpak.conditions import resolved_source, with_conditions
from krt.core.rukpak.template import bundle_name, bundle_of, installed
from tests.core.rukpak.documents import IMAGE, PINNED, deployment

NOW = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)


def test_a_template_stands_for_one_bundle_and_another_template_for_another() -> None:
    """R21: each of spec, labels and annotations counts, and nothing else of the deployment does."""
    of_tag = bundle_name(read_bundle_deployment(deployment()))
    assert of_tag == bundle_name(read_bundle_deployment(deployment(metadata={"generation": 9, "uid": "u-2"})))
    others = [
        deployment(source={"type": "image", "image": {"ref": PINNED}}),
        deployment(template={"labels": {"app": "other"}}),
        deployment(template={"annotations": {"a": "b"}}),
        deployment("shop2"),
    ]
    assert len({of_tag, *(bundle_name(read_bundle_deployment(each)) for each in others)}) == 5


def test_the_longest_name_of_a_deployment_makes_the_longest_of_a_bundle() -> None:
    """R12."""
    assert len(bundle_name(read_bundle_deployment(deployment("d" * 45)))) == 52


def test_the_bundle_has_the_template_and_belongs_to_the_deployment() -> None:
    of = read_bundle_deployment(deployment(template={"annotations": {"a": "b"}}))
    manifest = bundle_of(of)
    bundle = read_bundle(manifest.body | {"status": {"resolvedSource": {"type": "image", "image": {"ref": PINNED}}}})
    assert (bundle.name, bundle.owner, bundle.owner_name) == (bundle_name(of), "u-1", "shop")
    assert bundle.source == IMAGE
    assert bundle.pinned == PINNED
    assert bundle.is_ours
    metadata: Any = manifest.body["metadata"]
    assert metadata["annotations"] == {"a": "b"}
    assert metadata["labels"] == {
        "app": "my-bundle",
        "core.rukpak.io/owner-kind": "BundleDeployment",
        "core.rukpak.io/owner-name": "shop",
    }


def test_an_installed_object_names_its_deployment_and_keeps_the_rest() -> None:
    """R24."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"b": "c"}},
        "data": {"d": "e"},
    }
    found: Any = installed(read_manifest(body), "shop").body
    labels = {"core.rukpak.io/owner-kind": "BundleDeployment", "core.rukpak.io/owner-name": "shop"}
    assert found == body | {"metadata": {"name": "a", "labels": {"b": "c"} | labels}}


@pytest.mark.parametrize(
    ("annotations", "status", "announced", "unpacked"),
    [
        ({}, {}, False, False),
        ({"krt/announced": "e1"}, {}, True, False),
        ({"krt/announced": "e1"}, {"handled": "e1"}, False, False),
        ({"krt/announced": "e2"}, {"handled": "e1"}, True, False),
        ({"krt/unpack": "now"}, {"unpacked": "before"}, False, True),
        ({"krt/unpack": "now"}, {"unpacked": "now"}, False, False),
        ({"krt/unpack": 7}, {"handled": ["x"]}, False, False),
    ],
)
def test_the_source_is_asked_again_for_a_new_announcement_or_a_new_wish(
    annotations: Any, status: Any, announced: bool, unpacked: bool
) -> None:
    """Seen to fail with a wish that is obeyed again and again."""
    found = read_bundle_deployment(deployment(metadata={"annotations": annotations}, status=status))
    assert (found.is_announced, found.is_unpacked_anew) == (announced, unpacked)
    assert found.is_asked is (announced or unpacked)


def test_a_foreign_class_is_not_ours() -> None:
    foreign = deployment()
    foreign["spec"]["provisionerClassName"] = "core-rukpak-io-helm"
    assert not read_bundle_deployment(foreign).is_ours
    assert read_bundle_deployment(deployment()).is_ours


def test_the_resolved_source_has_the_digest_or_the_commit_in_the_place_of_a_name() -> None:
    """R6."""
    image = {"type": "image", "image": {"ref": "ghcr.io/acme/shop-bundle:main", "pullSecret": "ghcr"}}
    assert resolved_source(image, PINNED) == {"type": "image", "image": {"ref": PINNED, "pullSecret": "ghcr"}}
    git = {"type": "git", "git": {"repository": "https://a.example/b", "ref": {"tag": "v1"}, "directory": "d"}}
    commit = "4" * 40
    assert resolved_source(git, commit)["git"] == {
        "repository": "https://a.example/b",
        "ref": {"commit": commit},
        "directory": "d",
    }
    http = {"type": "http", "http": {"url": "https://a.example/b.tgz"}}
    assert resolved_source(http, "sha256:1") == http


def test_a_condition_keeps_the_time_of_its_transition_while_its_status_stays() -> None:
    """Seen to fail with the time kept for ever."""
    first = with_conditions({}, [StatedCondition("Installed", True, "InstallationSucceeded", "ok")], 1, NOW)
    later = NOW + timedelta(minutes=5)
    same = with_conditions({"conditions": first}, [StatedCondition("Installed", True, "Again", "still")], 2, later)
    assert same == [
        {
            "type": "Installed",
            "status": "True",
            "reason": "Again",
            "message": "still",
            "observedGeneration": 2,
            "lastTransitionTime": "2026-11-29T20:00:00Z",
        }
    ]
    changed = with_conditions({"conditions": same}, [StatedCondition("Installed", False, "InstallFailed")], 2, later)
    assert changed[0]["lastTransitionTime"] == "2026-11-29T20:05:00Z"


def test_conditions_of_others_stay_and_krts_stand_in_their_order() -> None:
    foreign = {"type": "Seen", "status": "True"}
    stated = [StatedCondition("Healthy", None, "Waiting"), StatedCondition("HasValidBundle", True, "UnpackSuccessful")]
    found = with_conditions({"conditions": [foreign]}, stated, 1, NOW)
    assert [(each["type"], each["status"]) for each in found] == [
        ("HasValidBundle", "True"),
        ("Healthy", "Unknown"),
        ("Seen", "True"),
    ]
