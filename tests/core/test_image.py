from ipaddress import IPv6Address
from time import perf_counter
from types import NoneType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.image import ImageReference, below, complete, is_component, is_tag, parse, split_tag
from tests.core.images import DIGEST, NO_REFERENCES, host, nearly, path, tag
from tests.fakes.pace import slack
from tests.fakes.raised import raised


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io/library/nginx", "latest", None),
        ("nginx:1.27", "docker.io/library/nginx", "1.27", None),
        ("library/nginx", "docker.io/library/nginx", "latest", None),
        ("docker.io/nginx", "docker.io/library/nginx", "latest", None),
        ("docker.io/library/nginx:latest", "docker.io/library/nginx", "latest", None),
        ("index.docker.io/nginx", "docker.io/library/nginx", "latest", None),
        ("index.docker.io/acme/shop", "docker.io/acme/shop", "latest", None),
        ("acme/shop", "docker.io/acme/shop", "latest", None),
        ("acme/team/shop", "docker.io/acme/team/shop", "latest", None),
        ("localhost/shop", "localhost/shop", "latest", None),
        ("localhost:5001/shop:dev", "localhost:5001/shop", "dev", None),
        ("registry:5000/shop", "registry:5000/shop", "latest", None),
        ("registry/shop", "docker.io/registry/shop", "latest", None),
        ("docker.io:443/nginx", "docker.io:443/nginx", "latest", None),
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop", "latest", None),
        ("ghcr.io:443/acme/shop", "ghcr.io:443/acme/shop", "latest", None),
        ("10.1.2.3:65535/shop:V1", "10.1.2.3:65535/shop", "V1", None),
        ("ghcr.io", "docker.io/library/ghcr.io", "latest", None),
        ("localhost:5001", "docker.io/library/localhost", "5001", None),
        (f"ghcr.io/acme/shop@{DIGEST}", "ghcr.io/acme/shop", None, DIGEST),
        (f"ghcr.io/acme/shop:dev@{DIGEST}", "ghcr.io/acme/shop", "dev", DIGEST),
        (f"nginx@{DIGEST}", "docker.io/library/nginx", None, DIGEST),
        ("a/b/c/d/e/f/g/h", "docker.io/a/b/c/d/e/f/g/h", "latest", None),
        ("x/a--b__c_d.e", "docker.io/x/a--b__c_d.e", "latest", None),
        ("a.b/x", "a.b/x", "latest", None),
        ("x/y:" + "t" * 128, "docker.io/x/y", "t" * 128, None),
    ],
)
def test_a_reference_is_read_as_kubernetes_resolves_it(
    text: str, repository: str, tag: str | None, digest: str | None
) -> None:
    found = parse(text)
    assert (found.repository, found.tag, found.digest) == (repository, tag, digest)
    assert text.startswith(found.name)


@pytest.mark.parametrize(
    "text",
    NO_REFERENCES,
)
def test_whatever_is_not_written_as_kubernetes_writes_it_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A[\x20-\x7e]{10,}\Z") as caught:
        parse(text)
    assert not text.strip("/:. @") or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("https://ghcr.io/acme", "the part before the first slash is not a registry host"),
        ("ghcr.io/Acme/shop", "an image path is lower-case letters and digits"),
        ("a" * 256, "at most 255 characters"),
        ("shop:", "the text after the last colon is not a tag"),
        ("shop@latest", "the text after @ is not a digest"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(text)


# Each is taken by distribution/reference v0.6.0, which the kubelet and containerd read images with.
SPELLINGS = [
    ("GHCR.io/acme/shop:dev", "ghcr.io/acme/shop"),
    ("GHCR.IO:0443/acme/shop", "ghcr.io:443/acme/shop"),
    ("Index.Docker.io/nginx", "docker.io/library/nginx"),
    ("DOCKER.IO/acme/shop", "docker.io/acme/shop"),
    ("LOCALHOST/shop", "localhost/shop"),
    ("Registry:5000/shop", "registry:5000/shop"),
    ("my_registry.local/shop", "my_registry.local/shop"),
    ("[::1]:5000/shop:dev", "[::1]:5000/shop"),
    ("[2001:DB8:0::01]/acme/shop", "[2001:db8::1]/acme/shop"),
    ("a/b/c/d/e/f/g/h/i", "docker.io/a/b/c/d/e/f/g/h/i"),
    ("ghcr.io/" + "/".join("abcdefghijklmnopqrstuvwxyz"), "ghcr.io/" + "/".join("abcdefghijklmnopqrstuvwxyz")),
    ("ghcr.io/" + "a" * 255, "ghcr.io/" + "a" * 255),
    (f"{'A' * 64}.io/shop", f"{'a' * 64}.io/shop"),
    (f"GHCR.io/acme/shop:dev@{DIGEST}", "ghcr.io/acme/shop"),
    (f"ghcr.io/acme/shop@SHA256:{'0' * 64}", "ghcr.io/acme/shop"),
    (f"ghcr.io/acme/shop@sha256+b64u:{'Aa-_' * 16}", "ghcr.io/acme/shop"),
]


@pytest.mark.parametrize(("text", "repository"), SPELLINGS)
def test_what_a_workload_runs_is_compared_however_it_is_spelled(text: str, repository: str) -> None:
    """Seen to fail with upper case, leading zeros or an address kept as written, and read as strictly as an event."""
    assert parse(text).repository == repository


def test_a_host_without_a_dot_in_upper_case_is_no_image_of_docker_hub() -> None:
    assert parse("Registry/acme/shop").repository != complete("registry/acme/shop")


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("[2001:DB8::1]/shop", "a registry host is written in lower case"),
        ("gh_cr.io/acme/shop", "is not a registry host"),
        ("GHCR.io/acme/shop", "a registry host is written in lower case"),
        ("Registry/acme/shop", "a registry host is written in lower case"),
        ("[2001:db8:0::1]/shop", r"canonical form, here \[2001:db8::1\]"),
        ("[0:0::1]:5000/shop", r"canonical form, here \[::1\]:5000"),
        ("ghcr.io:0443/acme/shop", "is not a registry host"),
        ("ghcr.io:65536/acme/shop", "is not a registry host"),
        ("[::1]:65536/acme/shop", "is not a registry host"),
        ("[::1%lo]/acme/shop", "is not a registry host"),
        ("[fffff::]/acme/shop", "is not a registry host"),
        (f"{'a' * 64}.io/shop", "is not a registry host"),
        ("ghcr.io/" + "a" * 248, "at most 255 characters"),
    ],
)
def test_events_and_policies_name_a_registry_in_one_spelling(name: str, canonical: str) -> None:
    """Seen to fail with other spellings of an address taken, and with upper case called no registry host."""
    for read in (complete, below):
        with pytest.raises(ValueError, match=canonical):
            read(name)


@pytest.mark.parametrize("name", ["[::1]/shop", "[2001:db8::1]:5000/acme/shop", "ghcr.io/a/b/c/d/e/f/g/h/i"])
def test_an_event_may_name_whatever_a_registry_may_be_called(name: str) -> None:
    assert complete(name) == parse(name).repository == name
    assert "/".join(below(name)) == name


@given(st.ip_addresses(v=6).filter(lambda address: "." not in str(address)), path)
def test_all_spellings_of_an_address_are_one_registry(address: IPv6Address, path: str) -> None:
    spellings = (address.compressed, address.exploded, address.exploded.upper())
    assert {parse(f"[{spelling}]:5000/{path}").repository for spelling in spellings} == {f"[{address}]:5000/{path}"}


def test_the_longest_name_is_accepted() -> None:
    name = "ghcr.io/" + "a" * 247
    assert parse(name).repository == name
    assert parse("a" * 255).repository == "docker.io/library/" + "a" * 255


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ghcr.io/acme/shop", "ghcr.io:443/acme/shop"),
        ("localhost/shop", "docker.io/localhost/shop"),
        ("registry:5000/shop", "registry/shop"),
        ("docker.io/library/shop", "docker.io/acme/shop"),
        ("ghcr.io/library/nginx", "nginx"),
        ("registry-1.docker.io/library/nginx", "nginx"),
    ],
)
def test_names_that_look_alike_and_are_pulled_from_elsewhere_differ(one: str, other: str) -> None:
    assert complete(one) != complete(other)


@given(host, path, tag)
def test_a_reference_with_all_its_parts_is_read_into_them(host: str, path: str, tag: str) -> None:
    found = parse(f"{host}/{path}:{tag}@{DIGEST}")
    assert (found.name, found.tag, found.digest) == (f"{host}/{path}", tag, DIGEST)
    assert parse(f"{host}/{path}:{tag}") == ImageReference(found.name, found.repository, tag, None)


@given(host | st.just("docker.io") | st.just("index.docker.io"), path)
def test_a_repository_stands_for_itself(host: str, path: str) -> None:
    repository = complete(f"{host}/{path}")
    assert complete(repository) == repository
    assert parse(repository).repository == repository


@given(path)
def test_the_short_form_and_the_long_one_are_the_same_repository(path: str) -> None:
    first, slash, _ = path.partition("/")
    if slash and ("." in first or first == "localhost"):
        return  # Docker takes it for a host
    assert complete(path) == complete(f"docker.io/{path}") == complete(f"index.docker.io/{path}")


@given(st.text(max_size=300) | nearly)
def test_any_text_is_a_reference_or_a_value_error(text: str) -> None:
    for read in (parse, complete, below):
        assert type(raised(read, text)) in (NoneType, ValueError)
    if raised(parse, text):
        return
    found = parse(text)
    assert found.tag is not None or found.digest is not None
    assert text == found.name + (f":{found.tag}" if f":{found.tag}" in text[len(found.name) :] else "") + (
        f"@{found.digest}" if found.digest else ""
    )
    host, *components = found.repository.split("/")
    assert host == host.lower()
    assert raised(complete, text) or complete(text) == parse(text).repository or found.tag or found.digest
    assert components
    assert all(is_component(component) for component in components)


@pytest.mark.parametrize(
    ("text", "name", "tag"),
    [
        ("shop", "shop", None),
        ("shop:dev", "shop", "dev"),
        ("localhost:5000/shop", "localhost:5000/shop", None),
        ("localhost:5000/shop:dev", "localhost:5000/shop", "dev"),
        ("shop:", "shop", ""),
        ("a:b:c", "a:b", "c"),
    ],
)
def test_a_colon_before_the_last_slash_belongs_to_a_port(text: str, name: str, tag: str | None) -> None:
    assert split_tag(text) == (name, tag)


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("dev", True),
        ("1.2.3-rc.1", True),
        ("_x", True),
        ("V1", True),
        ("t" * 128, True),
        ("", False),
        ("-x", False),
        (".x", False),
        ("t" * 129, False),
        ("a/b", False),
        ("a:b", False),
        ("a@b", False),
        ("a+b", False),
        ("dev\n", False),
        ("\u0661", False),
    ],
)
def test_a_tag_is_what_the_distribution_specification_says(text: str, whether: bool) -> None:
    assert is_tag(text) is whether


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("ghcr.io", ("ghcr.io",)),
        ("ghcr.io/acme", ("ghcr.io", "acme")),
        ("docker.io", ("docker.io",)),
        ("index.docker.io", ("docker.io",)),
        ("docker.io/acme", ("docker.io", "acme")),
        ("docker.io/library", ("docker.io", "library")),
        ("acme", ("docker.io", "acme")),
        ("acme/team", ("docker.io", "acme", "team")),
        ("localhost", ("localhost",)),
        ("localhost:5001/acme", ("localhost:5001", "acme")),
    ],
)
def test_what_is_below_a_name_begins_with_the_host_that_its_images_have(name: str, begins: tuple[str, ...]) -> None:
    assert below(name) == begins
    assert complete(f"{name}/x/y") == "/".join((*begins, "x", "y"))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a-" * 100_000,
        "a" + "-" * 200_000,
        "a" + "_" * 200_000 + "!",
        "a." * 127 + "!",
        "a-a-" * 63 + "!",
        "a." * 125 + "/x",
        "a" * 250 + ":",
        "a.b" + "-" * 250 + "/x",
        "a/" * 100_000,
        ":" * 200_000,
        "@" * 200_000,
        "x@" + "a+" * 100_000,
        "x@" + "a" * 200_000,
        "x@sha256:" + "a" * 200_000,
        "x:" + "t" * 200_000,
    ],
    ids=lambda text: f"{text[:4]}...{text[-4:]}",
)
def test_no_text_keeps_the_reader_busy(text: str) -> None:
    started = perf_counter()
    for read in (parse, complete, below):
        raised(read, text)
    assert perf_counter() - started < slack(0.25)  # a pattern that backtracks needs minutes
