import pytest

from krt.core.caller.admission import Refusal, refusal, rules_with
from krt.core.caller.patterns import parse_image_pattern, parse_prefix, parse_tag_pattern
from krt.core.caller.policy import Rule
from krt.core.caller.who import parse_who
from tests.fakes.values import an_event

ACME = parse_who("acme@65/*")


def a_rule(image: str, *tags: str, number: int = 1) -> Rule:
    return Rule(ACME, (parse_image_pattern(image),), tags=tuple(map(parse_tag_pattern, tags)), number=number)


SHOP, CART, BUILDS = a_rule("ghcr.io/acme/shop"), a_rule("ghcr.io/acme/cart"), a_rule("ghcr.io/acme/*", "pr-*", "v1")


@pytest.mark.parametrize(
    ("policy", "prefix", "image", "tags", "found"),
    [
        (None, "ghcr.io/acme", "ghcr.io/acme/shop", ["dev"], None),
        (None, "ghcr.io/acme/cart", "ghcr.io/acme/shop", ["dev"], Refusal.PREFIX),
        (None, "docker.io/", "nginx", ["dev"], None),
        (None, None, "ghcr.io/acme/shop", ["dev"], Refusal.NONE_SET),
        ((SHOP,), None, "ghcr.io/acme/shop", ["dev", "prod"], None),
        ((SHOP, CART), None, "ghcr.io/acme/cart", ["dev"], None),
        ((SHOP, CART), None, "ghcr.io/acme/other", ["dev"], Refusal.IMAGE),
        ((SHOP, CART), None, "quay.io/acme/shop", ["dev"], Refusal.IMAGE),
        ((), None, "ghcr.io/acme/shop", ["dev"], Refusal.IMAGE),
        ((BUILDS,), None, "ghcr.io/acme/shop", ["pr-7"], None),
        ((BUILDS,), None, "ghcr.io/acme/shop", ["pr-7", "v1"], None),
        ((BUILDS,), None, "ghcr.io/acme/shop", ["pr-7", "dev"], Refusal.TAGS),
        ((BUILDS,), None, "ghcr.io/acme/shop", ["PR-7"], Refusal.TAGS),
        ((BUILDS, SHOP), None, "ghcr.io/acme/shop", ["dev"], None),
        ((BUILDS, CART), None, "ghcr.io/acme/shop", ["dev"], Refusal.TAGS),
        ((SHOP,), "ghcr.io/acme", "ghcr.io/acme/shop", ["dev"], None),
        ((SHOP,), "ghcr.io/other", "ghcr.io/acme/shop", ["dev"], Refusal.PREFIX),
        ((CART,), "ghcr.io/acme", "ghcr.io/acme/shop", ["dev"], Refusal.IMAGE),
    ],
)
def test_whatever_is_set_must_admit_an_event(
    policy, prefix, image: str, tags: list[str], found: Refusal | None
) -> None:
    """Seen to fail with the prefix not asked beside a policy, and with a rule's tags passed over."""
    images = None if prefix is None else parse_prefix(prefix)
    assert refusal(an_event(image, tuple(tags)), policy, images) is found


@pytest.mark.parametrize(("why", "setting"), [(Refusal.PREFIX, "ALLOWED_IMAGE_PREFIX"), (Refusal.IMAGE, "KRT_POLICY")])
def test_a_refusal_names_the_setting(why: Refusal, setting: str) -> None:
    assert why.startswith("the worker's policy admits no such image: ")
    assert setting in why


def test_the_rules_with_an_image_are_those_that_would_have_it_with_other_tags_too() -> None:
    event = an_event(tags=("dev",))
    assert rules_with((CART, BUILDS, SHOP), event) == (BUILDS, SHOP)
