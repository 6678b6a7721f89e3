"""Who krt is at Valkey, over which wire, and what is said when Valkey does not accept it."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from krt.broker.client import open_client
from krt.broker.connect import connect
from krt.broker.endpoint import Endpoint, FromFile, Tcp, Tls, Unix, parse_endpoint
from krt.dev.valkey import open_valkey
from krt.errors import BrokerRefused, BrokerUnavailable
from krt.secret import Secret
from tests.fakes.pace import slack
from tests.fakes.peers import open_peer, passing_on_to, saying

USERS = (
    "user default off",
    "user web on >s3cret ~{krt}:* resetchannels &events -@all +ping +select +set +eval",
)
AUTHORITY = trustme.CA()


def a_web(address: str, password: str = "s3cret") -> Endpoint:
    return replace(parse_endpoint(address), username="web", password=Secret(password))


def everything_said_by(error: BaseException) -> str:
    """What a log with the whole chain of causes would show of it."""
    others = (error.__cause__, None if error.__suppress_context__ else error.__context__)
    return " ".join([str(error), repr(error), *(everything_said_by(other) for other in others if other)])


async def test_a_user_with_the_right_password_is_let_in():
    async with open_valkey(users=USERS) as valkey, open_client(a_web(valkey.address)) as client:
        assert await client.call("PING") == b"PONG"


async def test_a_password_alone_is_the_default_users():
    async with open_valkey(arguments=["--requirepass", "s3cret"]) as valkey:
        endpoint = replace(parse_endpoint(valkey.address), password=Secret("s3cret"))
        async with open_client(endpoint) as client:
            assert await client.call("PING") == b"PONG"


async def test_a_user_without_password_is_let_in_where_valkey_wants_none():
    async with open_valkey(users=["user default off", "user web on nopass +ping"]) as valkey:
        endpoint = replace(parse_endpoint(valkey.address), username="web")
        async with open_client(endpoint) as client:
            assert await client.call("PING") == b"PONG"


async def test_a_wrong_password_is_refused_without_showing_it():
    async with open_valkey(users=USERS) as valkey, open_client(a_web(valkey.address, "wr0ng")) as client:
        with pytest.raises(BrokerRefused, match="does not accept the user and password") as caught:
            await client.call("PING")
    assert caught.value.code == "WRONGPASS"
    assert "wr0ng" not in everything_said_by(caught.value)


async def test_without_any_password_it_says_which_setting_is_missing():
    async with open_valkey(users=USERS) as valkey, open_client(parse_endpoint(valkey.address)) as client:
        with pytest.raises(BrokerRefused, match="VALKEY_PASSWORD"):
            await client.call("PING")


@pytest.mark.parametrize(
    "answer",
    [
        b"-ERR unknown command 'AUTH', with args beginning with: 'web' 's3cret' \r\n",
        b"-s3cret\r\n",
        b"+s3cret\r\n",
        b"*3\r\n$4\r\nAUTH\r\n$3\r\nweb\r\n$6\r\ns3cret\r\n",
        b"$100\r\ns3cret",
        b"s3cret\r\n",
    ],
)
async def test_a_peer_that_sends_the_password_back_does_not_get_it_into_a_message(answer):
    async with open_peer(saying(answer)) as port:
        endpoint = replace(a_web(f"127.0.0.1:{port}"), connect_seconds=0.2)
        with pytest.raises(BrokerUnavailable) as caught:
            await connect(endpoint)
    assert "s3cret" not in everything_said_by(caught.value)


async def test_a_server_with_too_many_clients_says_so_and_nothing_of_the_password():
    async with open_peer(saying(b"-ERR max number of clients reached\r\n")) as port:
        with pytest.raises(BrokerRefused, match="refused CONNECT: ERR max number of clients reached"):
            await connect(a_web(f"127.0.0.1:{port}"))


@pytest.mark.parametrize("end_of_line", ["", "\n", "\r\n"])
async def test_user_and_password_files_are_read_without_their_line_end(tmp_path, end_of_line):
    user, password = tmp_path / "user", tmp_path / "password"
    user.write_bytes(f"web{end_of_line}".encode())
    password.write_bytes(f"s3cret{end_of_line}".encode())
    async with open_valkey(users=USERS) as valkey:
        endpoint = parse_endpoint(valkey.address)
        async with open_client(replace(endpoint, username=FromFile(user), password=FromFile(password))) as client:
            assert await client.call("PING") == b"PONG"


async def test_a_password_file_is_read_again_at_each_connect(tmp_path):
    password = tmp_path / "password"
    password.write_text("old")
    async with open_valkey(users=USERS) as valkey:
        endpoint = replace(a_web(valkey.address), password=FromFile(password))
        async with open_client(endpoint) as client:
            with pytest.raises(BrokerRefused):
                await client.call("PING")
            password.write_text("s3cret")
            assert await client.call("PING") == b"PONG"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read"), (b"", "empty"), (b"\xff\xfe", "cannot be read")]
)
async def test_a_password_file_that_holds_none_is_named(valkey, tmp_path, content, problem):
    password = tmp_path / "password"
    if content is not None:
        password.write_bytes(content)
    endpoint = replace(parse_endpoint(valkey.address), password=FromFile(password))
    with pytest.raises(BrokerUnavailable, match=problem) as caught:
        await connect(endpoint)
    assert str(password) in str(caught.value)


async def test_commands_go_to_the_database_of_the_endpoint(endpoint):
    async with open_client(replace(endpoint, database=3)) as third, open_client(endpoint) as first:
        await third.call("SET", "key", "here")
        assert await first.call("EXISTS", "key") == 0
        assert await third.call("GET", "key") == b"here"


async def test_a_database_that_is_none_is_refused(endpoint):
    with pytest.raises(BrokerRefused, match="SELECT: ERR DB index is out of range"):
        await connect(replace(endpoint, database=99))


async def test_nobody_listening_is_said_with_address_and_reason():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(BrokerUnavailable, match=f"Valkey at 127.0.0.1:{port} cannot be reached: .*Connection refused"):
        await connect(parse_endpoint(f"127.0.0.1:{port}"))


async def test_each_address_of_a_host_is_tried():
    async with open_valkey(port=0) as valkey:  # on IPv4, while localhost is often IPv6, too
        endpoint = parse_endpoint(valkey.address.replace("127.0.0.1", "localhost"))
        async with open_client(endpoint) as client:
            assert await client.call("PING") == b"PONG"


@pytest.mark.parametrize("path", ["/nonexistent/valkey.sock", "/" + "a" * 200])
async def test_a_unix_socket_that_is_not_there_is_said(path):
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        await connect(Endpoint(Unix(Path(path))))


async def test_a_host_that_does_not_exist_is_said():
    with pytest.raises(BrokerUnavailable, match=r"valkey.invalid:6379 cannot be reached"):
        await connect(replace(parse_endpoint("valkey.invalid:6379"), connect_seconds=10))


async def test_a_peer_that_takes_the_connection_and_says_nothing_is_given_up_in_time():
    async with open_peer(saying()) as port:
        endpoint = replace(a_web(f"127.0.0.1:{port}"), connect_seconds=0.05)
        with trio.fail_after(slack(2)), pytest.raises(BrokerUnavailable, match="in time"):
            await connect(endpoint)


class Proxied:
    """A real Valkey behind a TLS proxy: the embedded one speaks none."""

    def __init__(self, port: int, directory: Path) -> None:
        self.ca_file = directory / "ca.pem"
        AUTHORITY.cert_pem.write_to_path(self.ca_file)
        self.endpoint = Endpoint(Tcp("127.0.0.1", port), tls=Tls(ca_file=self.ca_file))


@pytest.fixture
async def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
async def proxied(valkey, tls_context, tmp_path):
    async with open_peer(passing_on_to(str(valkey.directory / "valkey.sock"), tls=tls_context)) as port:
        yield Proxied(port, tmp_path)


async def test_over_tls_calls_work_and_connections_are_used_again(proxied):
    async with open_client(proxied.endpoint) as client:
        ids = {await client.call("CLIENT", "ID") for _ in range(5)}
        assert len(ids) == 1


async def test_over_tls_a_large_value_comes_back_whole(proxied):
    async with open_client(proxied.endpoint) as client:
        await client.call("SET", "large", b"\xff" * 300_000)
        assert await client.call("GET", "large") == b"\xff" * 300_000


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(proxied):
    with pytest.raises(BrokerUnavailable, match="certificate is not accepted: unable to get local issuer"):
        await connect(replace(proxied.endpoint, tls=Tls()))


async def test_a_certificate_for_another_name_is_not_accepted(valkey, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("other.example").configure_cert(context)
    async with open_peer(passing_on_to(str(valkey.directory / "valkey.sock"), tls=context)) as port:
        with pytest.raises(BrokerUnavailable, match=r"certificate is not accepted: .*mismatch"):
            await connect(Proxied(port, tmp_path).endpoint)


async def test_a_server_that_wants_our_certificate_gets_it(valkey, tls_context, tmp_path):
    AUTHORITY.configure_trust(tls_context)
    tls_context.verify_mode = ssl.CERT_REQUIRED
    ours = tmp_path / "ours.pem"
    AUTHORITY.issue_cert("krt.example").private_key_and_cert_chain_pem.write_to_path(ours)
    async with open_peer(passing_on_to(str(valkey.directory / "valkey.sock"), tls=tls_context)) as port:
        anonymous = Proxied(port, tmp_path).endpoint
        async with open_client(replace(anonymous, tls=Tls(anonymous.tls.ca_file, ours))) as client:
            assert await client.call("PING") == b"PONG"
        async with open_client(anonymous) as client:
            with pytest.raises(BrokerUnavailable):
                await client.call("PING")


async def test_tls_to_a_server_that_speaks_none_is_said():
    async with open_peer(saying(b"-ERR Protocol error\r\n")) as port:
        with pytest.raises(BrokerUnavailable, match="the handshake failed"):
            await connect(Endpoint(Tcp("127.0.0.1", port), tls=Tls()))


async def test_no_tls_to_a_server_that_wants_it_is_unavailable(proxied):
    async with open_client(replace(proxied.endpoint, tls=None)) as client:
        with pytest.raises(BrokerUnavailable):
            await client.call("PING")


async def test_a_ca_file_that_went_away_is_named(proxied):
    proxied.ca_file.unlink()
    with pytest.raises(BrokerUnavailable, match=r"ca\.pem cannot be read"):
        await connect(proxied.endpoint)
