"""The two ways of saying who may call, and that a start with both, neither or a bad file ends with sentences."""

import os
import stat
from pathlib import Path

import pytest

from krt.core.caller.admission import Refusal, refusal
from krt.core.caller.who import Who
from krt.errors import SettingsInvalid
from krt.settings.judge import load_judge
from krt.settings.load import Settings, load
from tests.fakes.values import an_event

POLICY = '[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/acme/{repo}"]\ntags = ["dev"]\n'
SIMPLE = {"GITHUB_ALLOWED_ORG": "acme@65", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
ELSE = {"VALKEY_ADDR": "127.0.0.1:6379", "GITHUB_OIDC_AUDIENCE": "https://krt.example.com"}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return file


def started(role: str, **environ: str) -> Settings:
    return load(role, {}, {**ELSE, **environ})


def problems_of(role: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        started(role, **environ)
    return list(caught.value.problems)


@pytest.mark.parametrize("role", ["web", "all"])
def test_a_web_has_a_policy_file_or_organisation_and_prefix(role: str, policy: Path) -> None:
    [rule] = started(role, KRT_POLICY=str(policy)).rules()
    assert (rule.who, [*map(str, rule.tags)]) == (Who("acme", "65"), ["dev"])
    [rule] = started(role, **SIMPLE).rules()
    assert (rule.who, [*map(str, rule.images)], rule.number) == (Who("acme", "65"), ["ghcr.io/acme/**"], 1)


@pytest.mark.parametrize("role", ["web", "all"])
def test_a_web_with_both_does_not_start(role: str, policy: Path) -> None:
    for name, value in SIMPLE.items():
        [problem] = problems_of(role, KRT_POLICY=str(policy), **{name: value})
        assert "KRT_POLICY (or --policy)" in problem
        assert f"{name} (or --" in problem
        assert "are both given" in problem
    assert len(problems_of(role, KRT_POLICY=str(policy), **SIMPLE)) == 2


@pytest.mark.parametrize("role", ["web", "all"])
def test_a_web_with_neither_or_half_does_not_start(role: str) -> None:
    assert [problem.split(" ")[0] for problem in problems_of(role)] == [*SIMPLE]
    for name, value in SIMPLE.items():
        [problem] = problems_of(role, **{name: value})
        assert "is required" in problem


def test_a_contradiction_is_reported_with_the_mistakes_in_the_file(policy: Path) -> None:
    policy.write_text("[[allow]]\n")
    problems = problems_of("web", KRT_POLICY=str(policy), GITHUB_ALLOWED_ORG="-")
    assert len(problems) == 4


def test_a_mistake_names_the_variable_the_file_the_rule_and_the_field(policy: Path) -> None:
    policy.write_text(POLICY.replace("@65", ""))
    [problem] = problems_of("web", KRT_POLICY=str(policy))
    assert problem.startswith(f"KRT_POLICY (or --policy): {policy}: rule 1, who: 'acme/*': acme has no id")


def test_a_worker_needs_one_of_them_and_obeys_all_it_has(policy: Path) -> None:
    by_policy, by_prefix = {"KRT_POLICY": str(policy)}, {"ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/shop"}
    events = (an_event(), an_event("ghcr.io/acme/cart"), an_event(tags=("prod",)))

    def refusals(**environ: str) -> list[Refusal | None]:
        admission = started("worker", **environ).admission
        return [refusal(event, admission.policy, admission.images) for event in events]

    assert refusals(**by_policy) == [None, None, Refusal.TAGS]
    assert refusals(**by_prefix) == [None, Refusal.PREFIX, None]
    assert refusals(**by_policy, **by_prefix) == [None, Refusal.PREFIX, Refusal.TAGS]
    [problem] = problems_of("worker")
    assert problem.startswith("ALLOWED_IMAGE_PREFIX (or --allowed-image-prefix) is required")
    assert "KRT_POLICY" in problem


def test_a_file_that_everybody_may_write_is_refused(policy: Path) -> None:
    policy.chmod(policy.stat().st_mode | stat.S_IWOTH)
    [problem] = problems_of("web", KRT_POLICY=str(policy))
    assert problem == f"KRT_POLICY (or --policy): {policy}: everybody on this machine may write to it: chmod o-w"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, problem in [
        (tmp_path / "none", "cannot be read (No such file or directory)"),
        (tmp_path, "is not a file"),
        (tmp_path / "fifo", "is not a file"),
    ]:
        [found] = problems_of("web", KRT_POLICY=str(path))
        assert found.endswith(problem)


def test_a_link_is_followed_as_a_configmap_has_them(policy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(policy)
    assert started("web", KRT_POLICY=str(link)).rules()


def test_check_policy_reports_the_same_problems_and_no_more(policy: Path) -> None:
    assert load_judge({"--policy": str(policy)}, {}).rules() == started("web", KRT_POLICY=str(policy)).rules()
    assert load_judge({}, SIMPLE).rules() == started("web", **SIMPLE).rules()
    for environ in ({**SIMPLE, "KRT_POLICY": str(policy)}, {}):
        with pytest.raises(SettingsInvalid):
            load_judge({}, environ)


def test_check_policy_refuses_the_audience_that_krt_web_refuses() -> None:
    own = {
        "KRT_OIDC_ISSUER": "https://ghes.example/_services/token",
        "GITHUB_OIDC_AUDIENCE": "https://ghes.example/acme",
    }
    with pytest.raises(SettingsInvalid, match="by default"):
        load_judge({}, {**SIMPLE, **own})
