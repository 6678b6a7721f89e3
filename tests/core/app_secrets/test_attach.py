"""Attaching a copy to any Deployment, and detaching it: nothing of anybody else's changes."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.app_secrets.app import Reload, Strategy
from krt.core.app_secrets.attach import NotAttachable, attach, detach
from krt.core.app_secrets.entries import Entries, rest_of
from krt.core.app_secrets.secrets import Effect
from tests.core.app_secrets.documents import deployment
from tests.core.app_secrets.patched import patched

ENTRIES = Entries("checkout", "web")
ENV = Effect("sha256:1", Strategy.ENV, "", Reload.AUTO)
VOLUME = Effect("sha256:1", Strategy.VOLUME, "/secrets", Reload.AUTO)
EFFECTS = st.builds(
    lambda digest, at, reload: Effect(digest, Strategy.VOLUME if at else Strategy.ENV, at, reload),
    st.sampled_from(["sha256:1", "sha256:2"]),
    st.sampled_from(["", "/secrets", "/run/app"]),
    st.sampled_from(Reload),
)

_NAMES = st.sampled_from(["a", "b", "c"])
_ENVS = st.lists(
    st.one_of(
        st.builds(lambda name: {"secretRef": {"name": name}}, _NAMES),
        st.builds(lambda name: {"configMapRef": {"name": name}, "prefix": "P_"}, _NAMES),
    ),
    min_size=1,
    max_size=3,
)
_MOUNTS = st.lists(st.builds(lambda name: {"name": name, "mountPath": f"/{name}"}, _NAMES), min_size=1, max_size=2)
_CONTAINER = st.fixed_dictionaries(
    {"name": _NAMES, "image": _NAMES},
    optional={"envFrom": _ENVS, "volumeMounts": _MOUNTS, "env": st.just([{"name": "A", "value": "b"}])},
)
_VOLUMES = st.lists(st.builds(lambda name: {"name": name, "emptyDir": {}}, _NAMES), min_size=1, max_size=3)
_SPECS = st.fixed_dictionaries(
    {"containers": st.lists(_CONTAINER, min_size=1, max_size=3)},
    optional={"initContainers": st.lists(_CONTAINER, min_size=1, max_size=2), "volumes": _VOLUMES},
)
_ANNOTATIONS = st.dictionaries(st.sampled_from(["x/y", "krt/secrets.other"]), st.just("z"), min_size=1, max_size=2)


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    template = draw(st.one_of(st.none(), _ANNOTATIONS))
    return deployment(spec=draw(_SPECS), **({} if template is None else {"template": template}))


def served(body: dict[str, Any]) -> dict[str, Any]:
    """As the API server stores it: with the default of a Secret's volume."""
    for volume in body["spec"]["template"]["spec"].get("volumes", []):
        if "secret" in volume:
            volume["secret"].setdefault("defaultMode", 420)
    return body


def template_of(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["spec"]["template"]
    return found


@given(deployments(), EFFECTS)
def test_what_is_attached_stays_and_is_detached_without_a_trace(body: dict[str, Any], effect: Effect) -> None:
    """C7, C8, C22. Seen to fail with a list that is left empty, and with `defaultMode` compared."""
    before = deepcopy(body)
    attached = served(patched(body, attach(body, ENTRIES, effect)))
    assert attach(attached, ENTRIES, effect) == []
    assert rest_of(attached, ENTRIES) == rest_of(before, ENTRIES)
    detached = patched(attached, detach(attached, ENTRIES))
    assert template_of(detached) == template_of(before)
    assert detach(detached, ENTRIES) == []
    assert body == before


@given(deployments(), EFFECTS, EFFECTS)
def test_a_switch_ends_as_if_only_the_last_effect_had_been(body: dict[str, Any], one: Effect, other: Effect) -> None:
    first = served(patched(body, attach(body, ENTRIES, one)))
    switched = served(patched(first, attach(first, ENTRIES, other)))
    again = deepcopy(switched)
    assert attach(again, ENTRIES, other) == []
    assert template_of(patched(again, detach(again, ENTRIES))) == template_of(body)


@given(deployments(), EFFECTS)
def test_every_container_gets_the_secret_and_keeps_its_own_order(body: dict[str, Any], effect: Effect) -> None:
    before, after = template_of(body)["spec"], template_of(patched(body, attach(body, ENTRIES, effect)))["spec"]
    for kind in ("containers", "initContainers"):
        for old, new in zip(before.get(kind, []), after.get(kind, []), strict=True):
            field, own = ("envFrom", {"secretRef": {"name": ENTRIES.copy}})
            if effect.strategy is Strategy.VOLUME:
                field, own = "volumeMounts", {"name": ENTRIES.volume, "mountPath": effect.mount_path, "readOnly": True}
            assert new[field] == [*old.get(field, []), own]
            assert {k: v for k, v in new.items() if k != field} == {k: v for k, v in old.items() if k != field}


def test_the_patch_holds_for_the_version_that_was_read_only() -> None:
    operations = attach(deployment(), ENTRIES, ENV)
    assert operations[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "21"}


def test_the_stamp_is_written_under_auto_and_left_alone_under_manual() -> None:
    """C10, C12: a switch to manual must not restart by removing the stamp. Seen to fail with the stamp removed."""
    manual = Effect("sha256:2", Strategy.ENV, "", Reload.MANUAL)
    attached = patched(deployment(), attach(deployment(), ENTRIES, ENV))
    assert template_of(attached)["metadata"]["annotations"] == {"krt/secrets.checkout": "sha256:1"}
    assert attach(attached, ENTRIES, manual) == []
    assert "annotations" not in template_of(patched(deployment(), attach(deployment(), ENTRIES, manual)))["metadata"]


def test_apps_do_not_touch_each_other() -> None:
    other = Entries("billing", "web")
    both = patched(deployment(), attach(deployment(), ENTRIES, VOLUME))
    both = patched(both, attach(both, other, Effect("sha256:9", Strategy.ENV, "", Reload.AUTO)))
    alone = patched(both, detach(both, ENTRIES))
    assert attach(alone, other, Effect("sha256:9", Strategy.ENV, "", Reload.AUTO)) == []
    assert detach(alone, ENTRIES) == []


@pytest.mark.parametrize(
    ("odd", "is_kept"),
    [
        ({"secretRef": {"name": ENTRIES.copy, "optional": True}}, False),
        ({"secretRef": {"name": ENTRIES.copy}, "prefix": "P_"}, False),
        ({"secretRef": {"name": ENTRIES.copy}}, True),
    ],
)
def test_an_entry_of_krts_that_somebody_changed_is_made_right(odd: dict[str, Any], is_kept: bool) -> None:
    container = {"name": "main", "envFrom": [odd, {"secretRef": {"name": "own"}}, odd]}
    body = deployment(spec={"containers": [container]})
    [found] = template_of(patched(body, attach(body, ENTRIES, ENV)))["spec"]["containers"]
    right, own = {"secretRef": {"name": ENTRIES.copy}}, {"secretRef": {"name": "own"}}
    assert found["envFrom"] == ([right, own] if is_kept else [own, right])


def test_a_mount_moves_with_its_path() -> None:
    moved = Effect("sha256:1", Strategy.VOLUME, "/other", Reload.AUTO)
    attached = served(patched(deployment(), attach(deployment(), ENTRIES, VOLUME)))
    [container] = template_of(patched(attached, attach(attached, ENTRIES, moved)))["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": ENTRIES.volume, "mountPath": "/other", "readOnly": True}]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {
                "containers": [{"name": "main", "volumeMounts": [{"name": ENTRIES.volume, "mountPath": "/cache"}]}],
                "volumes": [{"name": ENTRIES.volume, "emptyDir": {}}],
            },
            f"a volume {ENTRIES.volume} that is not krt's",
        ),
        ({"volumes": [{"name": ENTRIES.volume, "secret": {"secretName": "own"}}]}, "that is not krt's"),
        (
            {"containers": [{"name": "main", "volumeMounts": [{"name": "own", "mountPath": "/secrets/"}]}]},
            "the container main mounts something else at /secrets",
        ),
    ],
)
def test_what_is_in_the_way_is_named_and_never_removed(spec: dict[str, Any], said: str) -> None:
    """Seen to fail with mounts removed by their name, whatever the volume is."""
    body = deployment(spec=spec)
    with pytest.raises(NotAttachable, match=said):
        attach(body, ENTRIES, VOLUME)
    assert detach(body, ENTRIES) == []
    attached = patched(body, attach(body, ENTRIES, ENV))
    assert template_of(patched(attached, detach(attached, ENTRIES))) == template_of(body)


def test_another_template_is_told_from_the_same_one() -> None:
    other = deployment(spec={"containers": [{"name": "main", "image": "ghcr.io/acme/web:next"}]})
    assert rest_of(other, ENTRIES) != rest_of(deployment(), ENTRIES)
    assert rest_of(deployment(metadata={"resourceVersion": "99"}), ENTRIES) == rest_of(deployment(), ENTRIES)
