"""Which sockets an address opens, on machines with and without IPv6."""

import errno
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trio
import trio.abc

from krt.errors import BindFailed
from krt.serving.address import Address, parse_address
from krt.serving.sockets import bound_addresses, open_listeners

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


@contextmanager
def closing(listeners):
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.socket.close()


@pytest.fixture
def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")


async def reachable(host, port):
    async with await trio.open_tcp_stream(host, port):
        return True


async def test_an_empty_host_listens_on_ipv6_and_ipv4_at_one_port(has_ipv6):
    with closing(await open_listeners(parse_address(":0"))) as listeners:
        addresses = bound_addresses(listeners)
        assert {address.host for address in addresses} == {"0.0.0.0", "::"}
        assert len({address.port for address in addresses}) == 1
        assert await reachable("127.0.0.1", addresses[0].port)
        assert await reachable("::1", addresses[0].port)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
async def test_a_host_listens_there_only(text, has_ipv6):
    with closing(await open_listeners(parse_address(text))) as listeners:
        for address in bound_addresses(listeners):
            assert address.host in {"127.0.0.1", "::1"}
            assert address.port > 0
            assert await reachable(address.host, address.port)


class Resolver(trio.abc.HostnameResolver):
    """Answers what it is told to."""

    def __init__(self, *found):
        self._found = found

    async def getaddrinfo(self, host, port, family=0, *_others):
        if not self._found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, socket.SOCK_STREAM, 6, "", where) for family, where in self._found]

    async def getnameinfo(self, sockaddr, flags):
        raise NotImplementedError


class SocketsWithoutIpv6(trio.abc.SocketFactory):
    """A machine whose kernel knows no IPv6, or that has it turned off."""

    def __init__(self, number):
        self._number = number

    def socket(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):  # noqa: A002
        if family == socket.AF_INET6:
            raise OSError(self._number, "no IPv6")
        return trio.socket.from_stdlib_socket(socket.socket(family, type, proto))


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
async def test_a_machine_without_ipv6_listens_on_ipv4(number):
    trio.socket.set_custom_socket_factory(SocketsWithoutIpv6(number))
    with closing(await open_listeners(parse_address(":0"))) as listeners:
        assert [address.host for address in bound_addresses(listeners)] == ["0.0.0.0"]


async def test_an_ipv6_address_on_a_machine_without_ipv6_is_refused():
    trio.socket.set_custom_socket_factory(SocketsWithoutIpv6(errno.EADDRNOTAVAIL))
    with pytest.raises(BindFailed) as refused:
        await open_listeners(parse_address("[::1]:0"))
    assert refused.value.address == "[::1]:0"


async def test_a_name_that_does_not_resolve_is_refused():
    trio.socket.set_custom_hostname_resolver(Resolver())
    with pytest.raises(BindFailed, match=r"krt\.invalid:80: Name or service not known"):
        await open_listeners(parse_address("krt.invalid:80"))


async def test_an_address_of_another_machine_is_refused():
    with pytest.raises(BindFailed, match=r"192\.0\.2\.1:0: "):
        await open_listeners(parse_address("192.0.2.1:0"))


async def test_when_one_of_two_addresses_is_taken_neither_stays_bound():
    with closing(await open_listeners(parse_address("127.0.0.4:0"))) as taken:
        port = bound_addresses(taken)[0].port
        trio.socket.set_custom_hostname_resolver(
            Resolver((socket.AF_INET, ("127.0.0.3", port)), (socket.AF_INET, ("127.0.0.4", port)))
        )
        with pytest.raises(BindFailed, match="in use"):
            await open_listeners(Address("both.test", port))
    with closing(await open_listeners(Address("127.0.0.3", port))):
        pass


async def test_a_chosen_port_that_is_taken_in_the_second_family_is_chosen_again():
    with closing(await open_listeners(parse_address("127.0.0.4:0"))) as taken:
        port = bound_addresses(taken)[0].port
        trio.socket.set_custom_hostname_resolver(
            Resolver((socket.AF_INET, ("127.0.0.3", 0)), (socket.AF_INET, ("127.0.0.4", 0)))
        )
        trio.socket.set_custom_socket_factory(FirstPort(port))
        with closing(await open_listeners(Address("both.test", 0))) as listeners:
            ports = {address.port for address in bound_addresses(listeners)}
            assert len(ports) == 1
            assert ports != {port}


class FirstPort(trio.abc.SocketFactory):
    """A kernel whose first choice of a free port is `port`."""

    def __init__(self, port):
        self._port = port

    def socket(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):  # noqa: A002
        made = trio.socket.from_stdlib_socket(socket.socket(family, type, proto))
        if self._port:
            self._port, port, bind = 0, self._port, made.bind
            made.bind = lambda where: bind((where[0], port))
        return made


@pytest.mark.skipif(not SOMAXCONN.exists() or int(SOMAXCONN.read_text()) < 1024, reason="the kernel keeps fewer")
async def test_a_burst_waits_for_its_turn_and_not_for_another_try():
    with closing(await open_listeners(parse_address("127.0.0.1:0"))) as listeners, ExitStack() as burst:
        where = listeners[0].socket.getsockname()
        for _ in range(700):  # nobody accepts
            peer = burst.enter_context(socket.socket())
            peer.settimeout(0.5)  # TCP tries again after a second
            peer.connect(where)
