"""A `.tgz` behind a URL as the source of a Bundle, from a server that does what a test says."""

import base64
import tarfile
from collections.abc import AsyncIterator, Callable

import pytest

from krt.core.bundle.pack import digest_of
from krt.core.rukpak.source import HttpSource
from krt.sources import http_source, way
from krt.sources.errors import SourceUnavailable
from tests.fakes.pace import slack
from tests.sources.fetching import Namespace, a_fetcher, fetched, refused, unavailable
from tests.sources.hostile import ENDLESS, HostileRegistry, Reply, hostile_registry
from tests.sources.images import WEB, gzipped, special, tar_of

BUNDLE = gzipped(tar_of(("manifests/web.yaml", WEB)))
OTHER = gzipped(tar_of(("manifests/web.yaml", WEB + b"# more\n")))
PATH = "GET /bundle.tgz"
MIB = 1024 * 1024


@pytest.fixture
async def server() -> AsyncIterator[HostileRegistry]:
    async with hostile_registry() as opened:
        opened.replies[PATH] = Reply(body=BUNDLE)
        yield opened


def source(server: HostileRegistry, query: str = "", **fields: str) -> HttpSource:
    return HttpSource(f"http://{server.host}/bundle.tgz{query}", **fields)


def login(**data: str) -> Namespace:
    return Namespace(secrets={"login": {name: text.encode() for name, text in data.items()}})


async def test_an_archive_is_named_by_its_digest(server: HostileRegistry) -> None:
    """A query may be a signature: it is in no status."""
    found = await fetched(source(server, "?signature=hunter2"))
    assert found.files.files == {"manifests/web.yaml": WEB}
    assert found.resolved == digest_of(BUNDLE)
    assert found.content_url == f"http://{server.host}/bundle.tgz#{digest_of(BUNDLE)}"
    assert server.asked[0].query == "signature=hunter2"


async def test_a_pinned_content_is_fetched_or_none(server: HostileRegistry) -> None:
    """Seen to fail with the digest not compared."""
    fetcher = a_fetcher()
    found = await fetcher.fetch(source(server), "", Namespace())
    server.replies[PATH] = Reply(body=OTHER)
    server.asked.clear()
    for pinned in (found.resolved, found.content_url):
        assert await fetcher.fetch(source(server), pinned, Namespace()) is found
        assert server.asked == []
        said = await refused(source(server), pinned)
        gone = f"no longer has the content that was unpacked, {found.resolved}"
        assert said == f"http://{server.host}/bundle.tgz {gone}"
        server.asked.clear()
    assert (await fetcher.fetch(source(server), "", Namespace())).resolved == digest_of(OTHER)


@pytest.mark.parametrize(
    ("status", "said"), [(404, "404 Not Found"), (403, "403 Forbidden"), (204, "204 No Content"), (299, "299")]
)
async def test_only_200_is_content(server: HostileRegistry, status: int, said: str) -> None:
    server.replies[PATH] = Reply(status, body=b"hunter2" if status != 204 else b"")
    assert await refused(source(server)) == f'http://{server.host}/bundle.tgz: unexpected status "{said}"'


async def test_a_busy_server_is_asked_later(server: HostileRegistry) -> None:
    server.replies[PATH] = Reply(429, headers={"Retry-After": "70"})
    with pytest.raises(SourceUnavailable) as caught:
        await fetched(source(server))
    assert 'unexpected status "429 Too Many Requests"' in str(caught.value)
    assert caught.value.retry_after_seconds == 70
    server.replies[PATH] = Reply(503, headers={"Retry-After": "tomorrow"})
    assert 'unexpected status "503 Service Unavailable"' in await unavailable(source(server))


async def test_a_login_is_sent_to_the_server_alone(server: HostileRegistry) -> None:
    """Seen to fail with the comparison of origins left out."""
    access = login(username="robot", password="hunter2")
    wanted = f"Basic {base64.b64encode(b'robot:hunter2').decode()}"
    async with hostile_registry() as elsewhere:
        elsewhere.replies["GET /signed"] = Reply(body=BUNDLE)
        server.replies[PATH] = Reply(302, headers={"Location": "/moved"})
        server.replies["GET /moved"] = Reply(307, headers={"Location": f"http://{elsewhere.host}/signed?a=b"})
        found = await fetched(source(server, secret="login"), "", access)
        assert found.files.files == {"manifests/web.yaml": WEB}
        assert [asked.headers["authorization"] for asked in server.asked] == [wanted, wanted]
        assert [(str(asked), asked.query) for asked in elsewhere.asked] == [("GET /signed", "a=b")]
        assert "authorization" not in elsewhere.asked[0].headers
    server.replies[PATH] = Reply(401)
    assert "hunter2" not in await refused(source(server, secret="login"), "", access)
    assert await refused(source(server, secret="login"), "", login(username="x")) == "Secret login has no key password"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest", "169.254.169.254 is a link-local address, which krt never calls"),
        ("http://[::ffff:169.254.169.254]/", "is a link-local address, which krt never calls"),
        ("http://example.com/x.tgz", "a URL of example.com is not https, and krt does not call it"),
        ("https://example.com/x.tgz", "127.0.0.1 redirects to another scheme"),
        ("http://a:b@127.0.0.1/x.tgz", "127.0.0.1 redirects to another scheme, or to a URL with a password in it"),
        ("file:///etc/passwd", "is not https, and krt does not call it"),
        ("/bundle.tgz", "127.0.0.1 redirects more than 5 times"),
    ],
)
async def test_a_redirect_that_is_not_followed(server: HostileRegistry, location: str, said: str) -> None:
    server.replies[PATH] = Reply(302, headers={"Location": location})
    assert said in await refused(source(server))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/x.tgz", "a URL of example.com is not https, and krt does not call it"),
        ("https://169.254.169.254/x.tgz", "169.254.169.254 is a link-local address, which krt never calls"),
        ("https://a:hunter2@example.com/x.tgz", "the URL of example.com has a user or a password in it"),
        ("ftp://example.com/x.tgz", "a URL of example.com is not https, and krt does not call it"),
        ("https:///x.tgz", "bundle.spec.source.http.url is not a URL"),
        ("x.tgz", "bundle.spec.source.http.url is not a URL"),
        ("https://example.com/\n", "bundle.spec.source.http.url is not a URL"),
        ("https://example.com/" + "x" * 2048, "bundle.spec.source.http.url is not a URL"),
    ],
)
async def test_another_url_is_refused_before_any_call(url: str, said: str) -> None:
    text = await refused(HttpSource(url, "absent"))
    assert said in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: gzipped(tar_of(("../x", b""))), "a tar archive has a path with .."),
        (lambda: gzipped(tar_of(("/etc/x", b""))), "a tar archive has an absolute path"),
        (
            lambda: gzipped(tar_of(special("manifests/x", tarfile.SYMTYPE, "/etc/passwd"))),
            "manifests/x is a symbolic link",
        ),
        (lambda: gzipped(tar_of(special("manifests/x", tarfile.LNKTYPE, "y"))), "manifests/x is a hard link"),
        (lambda: gzipped(tar_of(special("manifests/x", tarfile.CHRTYPE))), "manifests/x is a device"),
        (lambda: gzipped(tar_of(*((f"{number}", b"") for number in range(10_001)))), "it has more than 10000 files"),
        (lambda: gzipped(tar_of(("x", bytes(65 * MIB)))), "more than"),
        (lambda: BUNDLE[:-9], "an archive in it ends in the middle of its gzip"),
        (lambda: b"<html>", "an archive in it is not a tar"),
    ],
    ids=range(9),
)
async def test_an_archive_that_krt_does_not_take(server: HostileRegistry, body: Callable[[], bytes], said: str) -> None:
    server.replies[PATH] = Reply(body=body())
    text = await refused(source(server))
    assert text.startswith(f"http://{server.host}/bundle.tgz: ")
    assert said in text


async def test_a_body_without_end_is_cut(server: HostileRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "MOST_BYTES", MIB)
    server.replies[PATH] = Reply(body=ENDLESS, is_endless=True)
    assert await refused(source(server)) == f"127.0.0.1 sends more than the {MIB} bytes that were asked for"


async def test_the_answer_begins_within_ten_seconds(server: HostileRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that takes longer may go on; a server that is silent may not."""
    assert http_source.HEAD_SECONDS == 10
    monkeypatch.setattr(http_source, "HEAD_SECONDS", slack(0.3))
    server.replies[PATH] = Reply(is_silent=True)
    said = await unavailable(source(server))
    assert said == f"127.0.0.1 did not answer within {slack(0.3):g} s"
    monkeypatch.setattr(http_source, "HEAD_SECONDS", 60.0)
    monkeypatch.setattr(way, "SECONDS", slack(0.3))
    assert (await unavailable(source(server))).startswith("the source has not sent the bundle within ")
