"""Rows F5 to F7 against the real process: what the log says of each request, and what it never does."""

import json

import pytest
import trio

from krt.web.denials import LINES_A_SECOND
from tests.door.door import BODY, PROXY, Door, request
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings
from tests.fakes.polling import until_on_trio_clock
from tests.oidc.tokens import HEADER, private_key

# What breaks a line, steers a terminal, or poses as a line of the log.
HOSTILE = ["a\r\nb", "\x1b[2J", "a\u2028b", '{"level":"x"}', "\x00", "x" * 5000, "\u202eevil", "%0d%0a", "\x85"]


def ended(door: Door) -> list[dict[str, object]]:
    return door.process.events("request_ended")


async def test_each_request_leaves_one_line_with_its_end(door: Door) -> None:
    sent = {
        202: door.good(),
        400: door.good(b"{"),
        401: request(),
        403: door.good(json.dumps({"image": "ghcr.io/evil/x", "tags": ["dev"]}).encode()),
        404: request(path=b"/nothing"),
        413: request(token=door.newcomer()).replace(b"Content-Length: %d" % len(BODY), b"Content-Length: 9000"),
        415: request(token=door.newcomer(), content_type=b"text/plain"),
    }
    lines = [await door.line_of(await door.exchange(one)) for one in sent.values()]
    assert [line["status"] for line in lines] == [*sent]
    assert [line["reason"] for line in lines] == [
        *("accepted", "invalid-event", "missing", "not-allowed", "not-found", "body-too-large", "media-type")
    ]
    assert [line.get("field") for line in lines] == [None, "body", None, "images", None, "body", "Content-Type"]
    assert {line["path"] for line in lines} == {"event", "other"}
    assert {line["peer"] for line in lines} == {"127.0.0.1"}
    for line in lines:
        assert isinstance(line["milliseconds"], float)
        known = line["status"] in {202, 400, 403, 413, 415}
        assert ("repository" in line) is ("jti" in line) is ("run" in line) is known


async def test_what_the_transport_refuses_has_a_line_with_the_request_id_of_its_answer(door: Door) -> None:
    refused = {
        "expectation": request(b"Expect: tea"),
        "head-malformed": request(b"Host: other"),
        "head-too-large": request(*[b"X-A: b"] * 60),
    }
    for reason, sent in refused.items():
        forwarded = sent.replace(b"Host:", b"X-Forwarded-For: 192.0.2.7\r\nHost:", 1)
        for source, wanted, peer in (("127.0.0.1", sent, "127.0.0.1"), (PROXY, forwarded, "192.0.2.7")):
            reply = await door.exchange(wanted, source=source)
            [line] = [one for one in door.process.lines() if one.get("request_id") == reply.headers["x-request-id"]]
            assert (line["event"], line["reason"]) == ("connection_denied", reason)
            # Where the fields are too many, none of them is read.
            assert line["peer"] == (source if reason == "head-too-large" else peer)


async def test_a_line_has_the_request_id_of_its_answer(door: Door) -> None:
    reply = await door.exchange(door.good())
    assert await door.line_of(reply)
    accepted = door.process.events("event_accepted")[-1]
    assert accepted["request_id"] == reply.headers["x-request-id"]
    assert (accepted["image"], accepted["tags"], accepted["rule"]) == ("ghcr.io/acme/shop", ["dev"], 1)
    assert (accepted["repository"], accepted["ref"], accepted["actor"]) == ("acme/shop", "refs/heads/main", "octocat")
    assert accepted["sha"] == door.claims()["sha"]
    assert accepted["run"].endswith("/acme/shop/actions/runs/1959414638/attempts/1")


@pytest.mark.parametrize(
    ("source", "forwarded", "peer"),
    [
        ("127.0.0.1", b"192.0.2.7", "127.0.0.1"),
        (PROXY, b"192.0.2.7", "192.0.2.7"),
        (PROXY, b"10.1.1.1, 192.0.2.7", "192.0.2.7"),
        (PROXY, b"evil\x1b[2J", PROXY),
        (PROXY, b'192.0.2.7, {"level":"x"}', PROXY),
    ],
)
async def test_the_peer_is_the_rightmost_address_that_is_not_trusted(
    source: str, forwarded: bytes, peer: str, door: Door
) -> None:
    if b"\x1b" in forwarded:
        forwarded = forwarded.replace(b"\x1b", b"%1b")  # no header can hold it
    sent = door.good().replace(b"Host:", b"X-Forwarded-For: " + forwarded + b"\r\nHost:", 1)
    assert (await door.line_of(await door.exchange(sent, source=source)))["peer"] == peer


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
async def test_hostile_values_leave_the_lines_as_they_are(value: str, door: Door) -> None:
    before = len(door.process.lines())
    header_value = value.replace("\r\n", "\\r\\n").replace("\x00", "?").encode("utf-8")[:4000]
    header_value = bytes(byte for byte in header_value if byte >= 32)
    await door.exchange(request(b"User-Agent: " + header_value))
    await door.exchange(request(path=b"/" + bytes(byte if 33 <= byte < 127 else 37 for byte in header_value)))
    await door.exchange(request(token=door.token(None, {**HEADER, "kid": value})))
    await door.exchange(request(token=door.newcomer(actor=value)))
    await door.exchange(request(token=door.newcomer(ref=value)))
    await door.exchange(request(token=door.newcomer(repository=value)))
    await door.exchange(door.good(json.dumps({"image": value, "tags": [value]}).encode()))
    lines = door.process.lines()[before:]  # each of them was read as JSON in ASCII
    assert len([line for line in lines if line["event"] == "request_ended"]) <= 7
    assert {line["level"] for line in lines} <= {"info"}
    assert all(len(json.dumps(line)) < 2000 for line in lines)


async def test_a_long_value_is_cut_in_the_log(door: Door) -> None:
    ref = "refs/heads/" + "x" * 1000
    line = await door.line_of(await door.exchange(door.good(ref=ref)))
    assert (line["status"], line["ref"]) == (202, ref[:200] + "…")


async def test_what_a_forged_token_claims_is_not_logged(door: Door) -> None:
    for token in (
        door.token(repository="m4rker/m4rker", actor="m4rker", jti="m4rker", key=private_key(2048, 1)),
        door.token(None, {**HEADER, "kid": "m4rker"}),
        door.token(iss="https://m4rker.example"),
        door.token(aud="m4rker"),
        door.token(ref="m4rker", exp=1),
    ):
        assert (await door.exchange(request(b"User-Agent: m4rker", token=token))).status == 401
    assert "m4rker" not in door.process.log.read_text()


async def test_bodies_and_headers_are_not_logged(door: Door) -> None:
    secret = b"pr1vate-thing"
    await door.exchange(request(b"Cookie: a=" + secret, b"X-Api-Key: " + secret, b"Idempotency-Key: " + secret))
    await door.exchange(door.good(b'{"pr1vate-thing": 1}'))
    await door.exchange(request(b"Idempotency-Key: " + secret, token=door.newcomer()))
    assert "pr1vate-thing" not in door.process.log.read_text()


async def test_strangers_fill_no_disk_and_are_counted(door: Door) -> None:
    before, counted, began = len(ended(door)), len(door.process.events("lines_left_out")), trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(lambda number=number: door.exchange(request(), source=f"127.0.5.{number % 50 + 1}"))
    seconds = trio.current_time() - began

    def said() -> int:
        return len([line for line in ended(door)[before:] if line["reason"] == "missing"])

    def left_out() -> int:
        lines = door.process.events("lines_left_out")[counted:]
        return sum(line["count"] for line in lines if line["reason"] == "missing")

    await until_on_trio_clock(lambda: said() + left_out() >= 300)
    assert said() <= LINES_A_SECOND * (seconds + 2)
    assert said() + left_out() < 320  # and what the tests before had left to count
    assert await door.metric("krt_requests_total", reason="missing") >= 300


async def test_probes_are_said_at_debug_only(door: Door) -> None:
    line = await door.line_of(
        await door.exchange(request(method=b"GET", path=b"/healthz", body=b"", content_type=None))
    )
    assert (line["level"], line["path"], line["status"]) == ("debug", "health", 200)


def test_at_info_a_start_and_a_stop_are_a_few_lines(
    around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with krt_web(tmp_path_factory.mktemp("log"), {**environ, "LOG_LEVEL": "info"}) as process:
        assert process.stop() == 0
        assert process.events("started")
        assert process.lines()[-1]["event"] == "stopped"
        said = [str({**line, "time": None}) for line in process.lines()]
        assert len(said) == len(set(said)) < 15  # which parts are seen not to be ready yet, depends on the machine


async def test_a_name_instead_of_an_id_is_warned_of_at_the_start(
    around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = {name: value for name, value in environ.items() if name != "KRT_POLICY"}
    own |= {"GITHUB_ALLOWED_ORG": "acme", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
    with krt_web(tmp_path_factory.mktemp("log"), own) as process:
        [warning] = process.events("policy_trusts_a_name")
        assert (warning["level"], warning["owner"]) == ("warning", "acme")
        door = Door(around, process)
        assert (await door.exchange(door.good(repository_owner_id="650"))).status == 202


OWNERS = '[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/acme/{repo}"]\n'


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (None, [(1, "acme@65/*", 1)]),
        (OWNERS, [(1, "acme@65/*", 1)]),
        (f"{OWNERS}protected = true\n{OWNERS}{OWNERS}", [(2, "acme@65/*", 2)]),
        (f'{OWNERS}ref = ["refs/heads/main"]\nprotected = true', []),
        (f'{OWNERS}environment = "prod"', []),
        (OWNERS.replace("/*", "/shop@74"), [(1, "acme@65/shop@74", 1)]),
        (f'{OWNERS.replace("/*", "/shop@74")}ref = ["refs/heads/main"]\n{OWNERS}', [(2, "acme@65/*", 1)]),
    ],
)
def test_a_rule_that_leaves_branches_open_is_warned_of_at_the_start(
    policy: str | None,
    said: list[tuple[int, str, int]],
    around: Surroundings,
    environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Seen to fail with the warning left out."""
    own = {name: value for name, value in environ.items() if name != "KRT_POLICY"}
    if policy is None:
        own |= {"GITHUB_ALLOWED_ORG": "acme@65", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
    else:
        file = tmp_path_factory.mktemp("policy") / "krt.toml"
        file.write_text(policy)
        own |= {"KRT_POLICY": str(file)}
    with krt_web(tmp_path_factory.mktemp("log"), own) as process:
        warnings = process.events("policy_admits_any_branch")
        assert [(line["rule"], line["who"], line["rules"]) for line in warnings] == said
        assert all(line["level"] == "warning" for line in warnings)


@pytest.mark.parametrize(
    ("prefix", "registries"), [("ghcr.io/", ["ghcr.io"]), ("localhost:5001/", ["localhost:5001"]), ("ghcr.io/acme", [])]
)
def test_a_whole_registry_is_warned_of_at_the_start(
    prefix: str,
    registries: list[str],
    around: Surroundings,
    environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    own = {name: value for name, value in environ.items() if name != "KRT_POLICY"}
    own |= {"GITHUB_ALLOWED_ORG": "acme@65", "ALLOWED_IMAGE_PREFIX": prefix}
    with krt_web(tmp_path_factory.mktemp("log"), own) as process:
        warnings = process.events("policy_admits_a_registry")
        assert [(line["level"], line["registry"]) for line in warnings] == [("warning", name) for name in registries]
