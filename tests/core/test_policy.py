import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.event import Event
from krt.core.announce.image import complete
from krt.core.caller.identity import Identity
from krt.core.caller.patterns import ImagePattern, parse_prefix
from krt.core.caller.policy import Rule, admits_image, check, rules_for
from krt.core.caller.who import Who, names, parse_owner
from krt.errors import NotAllowed
from tests.core.images import component, host, nearly, path
from tests.fakes.raised import raised
from tests.fakes.values import an_event, an_identity

ACME = Who("acme", "65")


def a_rule(*images: str, who: Who = ACME) -> Rule:
    """A rule of acme for these images, given as prefixes."""
    return Rule(who, tuple(pattern for image in images or ["ghcr.io/acme/"] for pattern in parse_prefix(image)))


def pattern(text: str) -> ImagePattern:
    return ImagePattern(tuple(text.split("/")))


def refused(rules: tuple[Rule, ...], identity: Identity, event: Event) -> str:
    """The field at fault."""
    with pytest.raises(NotAllowed) as caught:
        check(rules, identity, event)
    return caught.value.field


@pytest.mark.parametrize(
    ("prefix", "admitted", "refused"),
    [
        (
            "ghcr.io/acme",
            ["ghcr.io/acme", "ghcr.io/acme/shop", "ghcr.io/acme/team/shop"],
            ["ghcr.io/acme-evil/shop", "ghcr.io/acmeevil", "ghcr.io/acme.evil/x", "ghcr.io/evil/acme"],
        ),
        (
            "ghcr.io/acme/",
            ["ghcr.io/acme/shop", "ghcr.io/acme/team/shop"],
            ["ghcr.io/acme", "ghcr.io/acme-evil/shop", "ghcr.io:443/acme/shop", "evil.io/acme/shop", "acme/shop"],
        ),
        (
            "ghcr.io/acme/shop",
            ["ghcr.io/acme/shop", "ghcr.io/acme/shop/cart"],
            ["ghcr.io/acme/shop-evil", "ghcr.io/acme/cart", "ghcr.io/acme", "ghcr.io/acme/shops"],
        ),
        ("ghcr.io/", ["ghcr.io/acme", "ghcr.io/acme/shop"], ["ghcr.io", "ghcr.io.evil.example/x", "nginx"]),
        ("localhost:5001/", ["localhost:5001/shop"], ["localhost/shop", "localhost:5000/shop", "localhost:50011/shop"]),
        ("localhost/", ["localhost/shop"], ["localhost:5001/shop", "docker.io/localhost/shop"]),
        ("docker.io/", ["nginx", "acme/shop", "index.docker.io/acme/shop"], ["ghcr.io/acme/shop", "docker.io:443/x"]),
        ("docker.io/library/", ["nginx", "library/nginx", "library/a/b"], ["acme/nginx", "library2/nginx"]),
        (
            "docker.io/acme/",
            ["acme/shop", "docker.io/acme/shop"],
            ["acme", "library/acme", "library/acme/shop", "nginx"],
        ),
        ("index.docker.io/acme/", ["acme/shop", "docker.io/acme/shop"], ["library/acme/shop"]),
        ("acme/", ["acme/shop", "index.docker.io/acme/shop"], ["acme", "ghcr.io/acme/shop", "library/acme/shop"]),
        ("acme/shop", ["acme/shop", "docker.io/acme/shop/cart"], ["acme/shop-evil", "acme/cart", "ghcr.io/acme/shop"]),
        ("docker.io/library/nginx", ["nginx", "library/nginx/x"], ["nginx-evil", "acme/nginx"]),
        ("docker.io/nginx", ["nginx", "nginx/unit"], ["acme/nginx", "library/nginx-evil"]),
        ("a/b/c/d/e/f/g/h", ["a/b/c/d/e/f/g/h"], ["a/b/c/d/e/f/g"]),
    ],
)
def test_a_prefix_admits_itself_and_what_is_below_it(prefix: str, admitted: list[str], refused: list[str]) -> None:
    patterns = parse_prefix(prefix)
    assert [image for image in admitted if not admits_image(patterns, complete(image))] == []
    assert [image for image in refused if admits_image(patterns, complete(image))] == []


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("ghcr.io/acme/team-", "ends where a path component ends, not within one"),
        ("ghcr.io/acme/team_", "ends where a path component ends, not within one"),
        ("ghcr.io/acme/team__", "ends where a path component ends, not within one"),
        ("ghcr.io/acme/team.", "ends where a path component ends, not within one"),
        ("ghcr.io/acme-", "ends where a path component ends, not within one"),
        ("ghcr.io/acme-/", "ends where a path component ends, not within one"),
        ("acme-", "ends where a path component ends, not within one"),
        ("ghcr.", "ends where a path component ends, not within one"),
        ("ghcr.io", "names registry and path"),
        ("acme", "names registry and path"),
        ("nginx", "names registry and path"),
        ("docker.io", "names registry and path"),
        ("localhost:5001", "names registry and path"),
        ("/", "an image path is"),
        ("//", "an image path is"),
        ("/acme", "an image path is"),
        ("ghcr.io//acme", "an image path is"),
        ("ghcr.io/acme//", "an image path is"),
        ("ghcr.io/acme/../evil", "an image path is"),
        ("ghcr.io/acme/*", "an image path is"),
        ("ghcr.io/acme/**", "an image path is"),
        ("ghcr.io/Acme", "an image path is"),
        ("ghcr.io/acme/shop:dev", "an image path is"),
        ("ghcr.io/acme/shop@sha256:0", "an image path is"),
        ("ghcr.io/acme,ghcr.io/evil", "an image path is"),
        ("ghcr.io/acme\n", "an image path is"),
        ("ghcr.io/acme ", "an image path is"),
        ("ghcr.io/acme/{repo}", "an image path is"),
        (" ghcr.io/acme", "not a registry host"),
        ("https://ghcr.io/acme", "not a registry host"),
        ("ghcr.io:443:443/acme", "not a registry host"),
        ("GHCR.io/acme", "lower case"),
        ("GHCR.IO/", "lower case"),
        ("ghcr.io/" + "a" * 250, "at most 255 characters"),
    ],
)
def test_a_prefix_that_ends_in_mid_air_or_is_no_path_is_refused_with_a_sentence(prefix: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_prefix(prefix)


@given(host, path, component)
def test_what_only_continues_the_last_component_is_never_admitted(host: str, path: str, more: str) -> None:
    prefix = f"{host}/{path}"
    assert admits_image(parse_prefix(prefix), complete(prefix))
    for image in (f"{prefix}/{more}", f"{prefix}/{more}/{more}"):
        assert admits_image(parse_prefix(prefix), complete(image))
        assert admits_image(parse_prefix(f"{prefix}/"), complete(image))
    for image in (prefix + more, f"{prefix}-{more}", f"{prefix}.{more}", f"{prefix}_{more}"):
        assert not admits_image(parse_prefix(prefix), complete(image))
    assert not admits_image(parse_prefix(f"{prefix}/"), complete(prefix))


@given(st.text() | nearly)
def test_any_text_is_a_prefix_or_a_value_error(text: str) -> None:
    error = raised(parse_prefix, text)
    assert type(error) is ValueError or all(pattern.components for pattern in parse_prefix(text))


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("acme", Who("acme", None)),
        ("Acme-Inc", Who("Acme-Inc", None)),
        ("my_org.de", Who("my_org.de", None)),
        ("acme@65", Who("acme", "65")),
        ("acme@18446744073709551615", Who("acme", "18446744073709551615")),
    ],
)
def test_an_owner_is_named_best_with_its_id(text: str, who: Who) -> None:
    assert parse_owner(text) == who


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "@65", "acme@", "acme@065", "acme@0", "acme@-1", "acme@x", "acme@65@66", "acme@65/shop"),
        *("acme/shop", "acme/*", "*", "-acme", "ac me", "acme ", " acme", "acme\n", "acme@65\n", "acme,evil"),
        *("\u0430cme", "acme@\u0661", "acme@" + "9" * 21, "a" * 101, "https://github.com/acme"),
    ],
)
def test_whatever_is_no_owner_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a GitHub organisation or user, best with its id: acme@65"):
        parse_owner(text)


@pytest.mark.parametrize(
    ("who", "changes", "whether"),
    [
        (Who("acme", "65"), {}, True),
        (Who("acme", "65"), {"repository_owner": "renamed", "repository": "renamed/shop"}, True),
        (Who("acme", "65"), {"repository_owner_id": "66"}, False),
        (Who("acme", "65"), {"repository_owner_id": "650"}, False),
        (Who("acme", None), {}, True),
        (Who("ACME", None), {}, True),
        (Who("acme", None), {"repository_owner": "Acme"}, True),
        (Who("acme", None), {"repository_owner_id": "66"}, True),
        (Who("acme", None), {"repository_owner": "acme-evil"}, False),
        (Who("acme", None), {"repository_owner": "evil", "repository": "evil/acme"}, False),
        (Who("acme", "65", "shop", "74"), {}, True),
        (Who("acme", "65", "shop", "74"), {"repository": "acme/renamed"}, True),
        (Who("acme", "65", "shop", "74"), {"repository_id": "75"}, False),
        (Who("acme", "65", "shop", "74"), {"repository_owner_id": "66"}, False),
        (Who("acme", "65", "Shop", None), {}, True),
        (Who("acme", "65", "shop", None), {"repository": "acme/cart"}, False),
    ],
)
def test_ids_decide_where_they_are_written_and_names_only_elsewhere(
    who: Who, changes: dict[str, object], whether: bool
) -> None:
    assert names(who, an_identity(**changes)) is whether


def test_a_caller_is_judged_by_the_rules_that_name_it_alone() -> None:
    own, others = a_rule(), a_rule(who=Who("evil", "66"))
    assert rules_for([own, others], an_identity()) == (own,)
    assert rules_for([others], an_identity()) == ()
    assert rules_for([], an_identity()) == ()


def test_one_rule_that_holds_entirely_is_enough() -> None:
    check((a_rule("ghcr.io/acme/cart"), a_rule("ghcr.io/acme/shop")), an_identity(), an_event())


def test_two_rules_that_hold_by_half_are_not() -> None:
    other_image = a_rule("ghcr.io/acme/cart")
    other_cause = Rule(ACME, parse_prefix("ghcr.io/acme/"), events=("release",))
    assert refused((other_cause, other_image), an_identity(), an_event()) == "images"
    assert refused((other_image, other_cause), an_identity(), an_event()) == "images"


@pytest.mark.parametrize("cause", ["push", "workflow_dispatch", "release", "schedule"])
def test_what_only_people_with_write_access_cause_may_announce(cause: str) -> None:
    check((a_rule(),), an_identity(event_name=cause), an_event())


@pytest.mark.parametrize(
    "cause",
    [
        "pull_request",
        "pull_request_target",
        "issue_comment",
        "workflow_run",
        "fork",
        "PUSH",
        "",
        "push ",
        "merge_group",
    ],
)
def test_what_a_stranger_can_cause_may_not(cause: str) -> None:
    assert refused((a_rule(),), an_identity(event_name=cause), an_event("ghcr.io/evil/x")) == "events"


@pytest.mark.parametrize("image", ["ghcr.io/acme", "ghcr.io/acme-evil/shop", "ghcr.io:443/acme/shop", "acme/shop"])
def test_an_image_of_others_is_refused_as_such(image: str) -> None:
    assert refused((a_rule(),), an_identity(), an_event(image)) == "images"


def test_without_a_rule_everything_is_refused() -> None:
    assert refused((), an_identity(), an_event())
    assert refused((Rule(ACME, ()),), an_identity(), an_event()) == "images"
    assert not admits_image((), complete("ghcr.io/acme/shop"))


@pytest.mark.parametrize(
    ("text", "image", "whether"),
    [
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop", True),
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop/x", False),
        ("ghcr.io/acme/*", "ghcr.io/acme/shop", True),
        ("ghcr.io/acme/*", "ghcr.io/acme", False),
        ("ghcr.io/acme/*", "ghcr.io/acme/shop/x", False),
        ("ghcr.io/acme/**", "ghcr.io/acme/shop", True),
        ("ghcr.io/acme/**", "ghcr.io/acme/shop/x", True),
        ("ghcr.io/acme/**", "ghcr.io/acme", False),
        ("ghcr.io/acme/{repo}", "ghcr.io/acme/shop", True),
        ("ghcr.io/acme/{repo}", "ghcr.io/acme/cart", False),
        ("ghcr.io/acme/{repo}/*", "ghcr.io/acme/shop/x", True),
        ("ghcr.io/acme/{repo}/*", "ghcr.io/acme/cart/x", False),
        ("ghcr.io/acme/{repo}/**", "ghcr.io/acme/shop/x/y", True),
    ],
)
def test_a_pattern_never_crosses_a_slash_unseen(text: str, image: str, whether: bool) -> None:
    rule = Rule(ACME, (pattern(text),))
    if whether:
        check((rule,), an_identity(), an_event(image))
    else:
        assert refused((rule,), an_identity(), an_event(image)) == "images"


def test_the_callers_own_name_is_compared_in_lower_case() -> None:
    check((Rule(ACME, (pattern("ghcr.io/acme/{repo}"),)),), an_identity(repository="acme/Shop"), an_event())


@pytest.mark.parametrize("name", [".github", "shop-", "a..b", "_x", "-"])
def test_a_repository_whose_name_cannot_be_an_image_has_none_of_its_own(name: str) -> None:
    rule = Rule(ACME, (pattern("ghcr.io/acme/{repo}"),))
    assert refused((rule,), an_identity(repository=f"acme/{name}"), an_event()) == "images"


def test_a_repository_named_like_a_pattern_gains_nothing() -> None:
    rule = Rule(ACME, (pattern("ghcr.io/acme/{repo}"),))
    assert refused((rule,), an_identity(repository="acme/repo"), an_event()) == "images"


def test_the_worker_takes_any_one_component_for_the_callers_name() -> None:
    patterns = (pattern("ghcr.io/acme/{repo}"),)
    assert admits_image(patterns, complete("ghcr.io/acme/anything"))
    assert not admits_image(patterns, complete("ghcr.io/acme/any/thing"))
    assert not admits_image(patterns, complete("ghcr.io/evil/anything"))
