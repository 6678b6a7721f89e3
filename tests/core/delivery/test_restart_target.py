import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.restart_target import RestartTarget, parse_target
from krt.core.kube.restartable import RESTARTABLE


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("deployment/showcase-burst-web", "deployment/showcase-burst-web"),
        ("deploy/web", "deployment/web"),
        ("deployments/web", "deployment/web"),
        ("deployment.apps/web", "deployment/web"),
        ("Deployment/web", "deployment/web"),
        (" sts/db ", "statefulset/db"),
        ("statefulsets.apps/db", "statefulset/db"),
        ("ds/agent", "daemonset/agent"),
        ("DaemonSet/agent", "daemonset/agent"),
        ("deployment/v1.2.web", "deployment/v1.2.web"),
    ],
)
def test_a_target_is_named_as_kubectl_names_it(text: str, spelled: str) -> None:
    assert str(parse_target(text)) == spelled


@pytest.mark.parametrize(
    "text",
    [
        *("", "web", "/web", "deployment", "deployment/", "job/x", "rollout/x", "replicaset/x", "pod/x"),
        *("deployment/Web", "deployment/a b", "deployment/a/b", "deployment/../x", "deployment/-a", "deployment/a\n/"),
        *(f"deployment/{'a' * 254}", "deployment/web deployment/b", "deployment.batch/x", "deployment/\u0430"),
    ],
)
def test_what_krt_cannot_restart_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="must be KIND/NAME with the kind deployment, "):
        parse_target(text)


@given(st.builds(RestartTarget, st.sampled_from(sorted(RESTARTABLE)), st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True)))
def test_a_target_is_read_as_it_is_spelled(target: RestartTarget) -> None:
    assert parse_target(str(target)) == target
    assert target.key("shop") == RESTARTABLE[target.kind].key("shop", target.name)
