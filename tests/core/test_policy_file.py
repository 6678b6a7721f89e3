"""A policy file becomes rules, or a sentence for each of its mistakes that names rule and field."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.caller.policy import EVENTS, Rule, branch_warnings, leaves_branches_open
from krt.core.caller.policy_file import MOST_BYTES, MOST_RULES, parse_policy
from krt.core.caller.who import Who
from krt.errors import SettingsInvalid
from tests.fakes.raised import raised

ROOT = Path(__file__).parents[2]
WHOLE = """
[[allow]]
who    = "acme@65/*"
images = ["ghcr.io/acme/{repo}", "ghcr.io/acme/{repo}/*"]
ref    = ["refs/heads/main"]

[[allow]]
who         = "acme@65/shop@74"
images      = ["ghcr.io/acme/shop"]
tags        = ["dev", "pr-*"]
workflow    = "acme/ci/.github/workflows/release.yml@refs/heads/main"
environment = "dev"
events      = ["push", "workflow_dispatch"]
runner      = "github-hosted"
protected   = true
"""
LEAST = 'who = "acme@65/*"\nimages = ["ghcr.io/acme/{repo}"]\n'


def problems_of(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        parse_policy(text if isinstance(text, bytes) else text.encode())
    return caught.value.problems


def test_the_documented_example_is_read_as_it_says() -> None:
    one, other = parse_policy(WHOLE.encode())
    assert (one.number, one.who, one.events) == (1, Who("acme", "65"), EVENTS)
    assert [*map(str, one.images)] == ["ghcr.io/acme/{repo}", "ghcr.io/acme/{repo}/*"]
    assert (one.tags, one.environment, one.workflow, one.runner, one.protected) == ((), None, None, None, False)
    assert (other.number, other.who) == (2, Who("acme", "65", "shop", "74"))
    assert [*map(str, other.tags)] == ["dev", "pr-*"]
    assert str(other.workflow) == "acme/ci/.github/workflows/release.yml@refs/heads/main"
    assert (other.environment, other.runner, other.protected) == ("dev", "github-hosted", True)
    assert other.events == ("push", "workflow_dispatch")


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ('image = ["x/y"]', "rule 1, unknown key 'image'"),
        ('Who = "acme@65/*"', "rule 1, unknown key 'Who'"),
        ("id = 1", "rule 1, unknown key 'id'"),
        ('audience = "https://x"', "rule 1, unknown key 'audience': the audience is the setting GITHUB_OIDC_AUDIENCE"),
        ("ref = []", "rule 1, ref: write a list with at least one text"),
        ('ref = "refs/heads/main"', "rule 1, ref: write a list with at least one text"),
        ('ref = ["main"]', "rule 1, ref: 'main': write refs in full"),
        ("ref = [1]", "rule 1, ref: write a text in quotes"),
        ('ref = [["refs/heads/main"]]', "rule 1, ref: write a text in quotes"),
        ("tags = []", "rule 1, tags: write a list"),
        ('tags = ["*"]', "rule 1, tags: '*': write tags such as dev"),
        ('tags = [""]', "rule 1, tags: write a text in quotes"),
        ("events = []", "rule 1, events: write a list"),
        ('events = ["Push"]', "rule 1, events: 'Push': write names of GitHub's events"),
        ('events = ["*"]', "rule 1, events: '*': write names of GitHub's events"),
        ('events = "push"', "rule 1, events: write a list"),
        ('workflow = ["a"]', "rule 1, workflow: write a text in quotes"),
        ('workflow = "release.yml"', "rule 1, workflow: 'release.yml': write the file as"),
        ('environment = ""', "rule 1, environment: write a text in quotes"),
        ('environment = "a\\nb"', "rule 1, environment: 'a\\nb': write the name of an environment"),
        *(
            (f'environment = "{name}"', f"rule 1, environment: '{name}': write the name of one environment in full")
            for name in ("*", "prod-*", "*-prod", "{repo}", "prod{env}")
        ),
        *(
            (f'workflow = "acme/ci/.github/workflows/{file}"', f"rule 1, workflow: 'acme/ci/.github/workflows/{file}'")
            for file in ("*.yml@refs/heads/main", "*.yml", "rel*.yaml", "{repo}.yml", "a.yml@refs/heads/*")
        ),
        ('ref = ["refs/heads/{repo}"]', "rule 1, ref: 'refs/heads/{repo}': write refs in full"),
        ('ref = ["refs/*/main"]', "rule 1, ref: 'refs/*/main': write refs in full"),
        ('tags = ["{repo}"]', "rule 1, tags: '{repo}': write tags such as dev"),
        ('tags = ["v*.1"]', "rule 1, tags: 'v*.1': write tags such as dev"),
        ('events = ["pull_*"]', "rule 1, events: 'pull_*': write names of GitHub's events"),
        ('runner = "self-*"', "rule 1, runner: 'self-*': write one of"),
        ("environment = true", "rule 1, environment: write a text in quotes"),
        ('runner = "mine"', "rule 1, runner: 'mine': write one of github-hosted, self-hosted"),
        ("protected = false", "rule 1, protected: write true, or leave it out"),
        ('protected = "true"', "rule 1, protected: write true, or leave it out"),
        ("protected = 1", "rule 1, protected: write true, or leave it out"),
        ("protected = 2020-01-01", "rule 1, protected: write true, or leave it out"),
    ],
)
def test_a_problem_names_rule_and_field(added: str, problem: str) -> None:
    [found] = problems_of(f"[[allow]]\n{LEAST}{added}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no rules: each is a [[allow]]"),
        ("# nothing", "no rules"),
        ("allow = []", "the list of rules is empty"),
        ("allow = 1", "no rules"),
        ("allow = [1]", "no rules"),
        (f"[allow]\n{LEAST}", "no rules"),
        ("[[allow]]", "rule 1, who: is required"),
        ('[[allow]]\nwho = "acme@65/*"', "rule 1, images: is required"),
        ('[[allow]]\nwho = "acme@65/*"\nimages = []', "rule 1, images: write a list with at least one text"),
        ('[[allow]]\nwho = "acme/*"\nimages = ["x.io/y"]', "rule 1, who: 'acme/*': acme has no id"),
        (
            '[[allow]]\nwho = "acme@065/*"\nimages = ["x.io/y"]',
            "rule 1, who: 'acme@065/*': the id after acme@ must be a number of up to 20 digits",
        ),
        ('[[allow]]\nwho = ["acme@65/*"]\nimages = ["x.io/y"]', "rule 1, who: write a text in quotes"),
        ('[[allow]]\nwho = "acme@65/*"\nimages = ["x.io/*/y"]', "rule 1, images: 'x.io/*/y': a star stands only"),
        ('[[allow]]\nwho = "acme@65/*"\nimages = ["x.io/{own}"]', "rule 1, images: 'x.io/{own}': {repo} is the only"),
        (f"[[allow]]\n{LEAST}\n[[allow]]\n{LEAST}x = 1", "rule 2, unknown key 'x'"),
        (f'audience = "https://x"\n[[allow]]\n{LEAST}', "unknown key 'audience': the audience is the setting"),
        (f"[[Allow]]\n{LEAST}", "unknown key 'Allow'"),
        ("[[allow]", "not TOML: "),
        (f"[[allow]]\n{LEAST}{LEAST}", "not TOML: "),
        ("x = " + "9" * 5000, "not TOML: "),
        ("x = " + "[" * 100_000, "nested too deep"),
        (b"\xff", "not UTF-8"),
        (f"[[allow]]\n{LEAST}".encode("utf-16"), "not UTF-8"),
        (b"#" * (MOST_BYTES + 1), f"longer than {MOST_BYTES} bytes"),
        (f"[[allow]]\n{LEAST}" * (MOST_RULES + 1), "1001 rules: at most 1000"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_policy_starts_nothing(text: str | bytes, problem: str) -> None:
    assert problems_of(text)[0].startswith(problem)


OPEN = [
    "",
    'events = ["push"]',
    'events = ["schedule", "workflow_dispatch"]',
    'ref = ["refs/heads/*"]',
    'ref = ["refs/tags/v*", "refs/h*"]',
    'tags = ["dev"]',
    'runner = "github-hosted"',
    'workflow = "acme/shop/.github/workflows/release.yml"',
]
CLOSED = [
    'ref = ["refs/heads/main"]',
    'ref = ["refs/heads/release-*", "refs/tags/*"]',
    "protected = true",
    'ref = ["refs/heads/*"]\nprotected = true',
    'environment = "prod"',
    'workflow = "acme/ci/.github/workflows/release.yml@refs/heads/main"',
    'events = ["schedule"]',
]


@pytest.mark.parametrize(
    ("fields", "is_open"), [*((one, True) for one in OPEN), *((one, False) for one in CLOSED)], ids=str
)
def test_a_rule_that_leaves_branches_open_is_known_for_one(fields: str, is_open: bool) -> None:
    """Seen to fail with each condition of `leaves_branches_open` left out."""
    everybody = f'[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/acme/{{repo}}"]\n{fields}\n'
    (rule,) = parse_policy(everybody.encode())
    assert leaves_branches_open(rule) is is_open
    (one,) = parse_policy(everybody.replace("acme@65/*", "acme@65/shop@74").encode())
    assert leaves_branches_open(one) is (is_open and not one.ref), "of one repository a star is said on purpose"


def test_open_rules_are_said_together_those_of_owners_and_those_of_repositories() -> None:
    """Seen to fail where rules for one repository were none of them."""
    owners, shop = (f'[[allow]]\nwho = "acme@65/{name}"\nimages = ["ghcr.io/acme/shop"]\n' for name in ("*", "shop@74"))
    rules = parse_policy(f"{owners}{shop}{owners}protected = true\n{owners}{shop}".encode())
    remedy = "protected or not: give the rule a ref and protected = true"
    assert branch_warnings(rules) == (
        f"rule 1, 4: any branch of any repository of the owner may announce, {remedy}",
        f"rule 2, 5: any branch of the repository may announce, {remedy}",
    )
    assert branch_warnings(parse_policy(f"{shop}protected = true".encode())) == ()


@pytest.mark.parametrize(
    "path",
    [
        *(ROOT / "deploy").rglob("*.toml"),
        ROOT / "docs" / "policy.md",
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_an_example_begins_with_the_callers_own_images_on_a_protected_ref(path: Path) -> None:
    """Seen to fail with the examples of before: any branch of any repository."""
    text = path.read_text()
    example = text.partition("```toml\n")[2].partition("```")[0] if path.suffix == ".md" else text
    first, *others = parse_policy(example.replace("OWNER_ID", "65").encode())
    assert all("{repo}" in str(image) for image in first.images)
    assert (bool(first.ref), first.protected) == (True, True)
    assert not any(leaves_branches_open(rule) for rule in (first, *others))


def test_the_most_rules_are_read() -> None:
    assert len(parse_policy(f"[[allow]]\n{LEAST}".encode() * MOST_RULES)) == MOST_RULES


def test_all_problems_come_at_once() -> None:
    wrong = '[[allow]]\nwho = "acme"\nimages = ["*"]\nx = 1\n'
    found = problems_of(f"audience = 1\n{wrong}{wrong}")
    assert [re.split("[:']", problem)[0].strip() for problem in found] == [
        "unknown key",
        *(f"rule {number}, {field}" for number in (1, 2) for field in ("unknown key", "who", "images")),
    ]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["acme@65/*", "ghcr.io/acme/{repo}"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
FIELDS = ["who", "images", "ref", "tags", "workflow", "environment", "events", "runner", "protected", "x"]


def toml_of(value: object) -> str:
    match value:
        case None:
            return "{}"
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
        case list():
            return f"[{', '.join(map(toml_of, value))}]"
        case _:
            return str(value)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), values), max_size=3))
def test_any_tables_are_rules_or_named_mistakes(tables: list[dict[str, object]]) -> None:
    text = "".join("[[allow]]\n" + "".join(f"{k} = {toml_of(v)}\n" for k, v in table.items()) for table in tables)
    check(text.encode())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_rules_or_named_mistakes(data: bytes) -> None:
    check(data)


@given(st.data())
def test_a_file_cut_or_changed_anywhere_is_rules_or_named_mistakes(data: st.DataObject) -> None:
    whole = WHOLE.encode()
    at = data.draw(st.integers(0, len(whole)))
    check(whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 20)) :])


def check(data: bytes) -> None:
    error = raised(parse_policy, data)
    if error is not None:
        assert isinstance(error, SettingsInvalid)
        assert error.problems
        return
    rules = parse_policy(data)
    assert rules
    assert all(isinstance(rule, Rule) and rule.who.owner_id and rule.images and rule.events for rule in rules)
