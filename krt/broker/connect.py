"""Opens a connection to Valkey: address, TLS, user, database."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from socket import SO_KEEPALIVE, SOL_SOCKET
from ssl import SSLCertVerificationError, SSLContext

import trio
from valkey.exceptions import InvalidResponse, ResponseError

from krt.broker.connection import ValkeyConnection, code_of
from krt.broker.endpoint import Endpoint, FromFile, Tcp, Tls, Unix
from krt.broker.failures import quoted, translated
from krt.errors import BrokerRefused, BrokerUnavailable
from krt.files import FileUnusable, read_file
from krt.secret import Secret
from krt.tls import client_context

_AUTH_CODES = {"WRONGPASS", "LOADING", "DENIED"}
_MOST_SECRET_BYTES = 64 * 1024
_CROWDED = "ERR max number of clients reached"


async def connect(endpoint: Endpoint) -> ValkeyConnection:
    """A connection on which user and database are set, opened within `endpoint.connect_seconds`.

    Raises BrokerUnavailable, and BrokerRefused if Valkey refuses user, password or database. No message has a secret.
    """
    with translated(endpoint, "CONNECT"), trio.fail_after(endpoint.connect_seconds), ExitStack() as undo:
        socket_stream = await _open(endpoint.address)
        undo.callback(socket_stream.socket.close)
        stream = await _secured(socket_stream, endpoint)
        connection = ValkeyConnection(stream, socket_stream.socket)
        await _authenticate(connection, endpoint)
        await _select(connection, endpoint)
        undo.pop_all()
        return connection


async def _open(address: Tcp | Unix) -> trio.SocketStream:
    match address:
        case Unix(path):
            return await trio.open_unix_socket(path)
        case Tcp(host, port):
            stream = await trio.open_tcp_stream(host, port)
            stream.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            return stream


async def _secured(stream: trio.SocketStream, endpoint: Endpoint) -> trio.abc.Stream:
    if endpoint.tls is None or isinstance(endpoint.address, Unix):
        return stream
    secured = trio.SSLStream(stream, await _context(endpoint.tls), server_hostname=endpoint.address.host)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        raise BrokerUnavailable(f"{endpoint}: no TLS: {_why(error)}") from error
    return secured


async def _context(tls: Tls) -> SSLContext:
    """A new context for each connection, so that rotated certificates are read."""
    make = partial(client_context, tls.ca_file, tls.cert_file, tls.key_file)
    try:
        return await trio.to_thread.run_sync(make, abandon_on_cancel=True)
    except ValueError as error:
        raise BrokerUnavailable(str(error)) from error


def _why(error: trio.BrokenResourceError) -> str:
    match error.__cause__:
        case SSLCertVerificationError() as cause:
            return f"its certificate is not accepted: {quoted(cause.verify_message)}"
        case cause:
            return f"the handshake failed: {quoted(str(cause))}"


async def _authenticate(connection: ValkeyConnection, endpoint: Endpoint) -> None:
    if endpoint.username is None and endpoint.password is None:
        return
    user = () if endpoint.username is None else (await _read(endpoint.username),)
    password = "" if endpoint.password is None else await _read(endpoint.password)
    try:
        answer = await connection.execute("AUTH", *user, password)
    except ResponseError as error:
        if str(error) == _CROWDED:
            raise
        # `from None`: the reply may quote the command, and with it the password.
        code = code if (code := code_of(error)) in _AUTH_CODES else "ERR"
        raise BrokerRefused(f"{endpoint} does not accept the user and password given ({code})", code=code) from None
    if answer != b"OK":
        raise InvalidResponse("an unexpected answer to AUTH")


async def _select(connection: ValkeyConnection, endpoint: Endpoint) -> None:
    if endpoint.database:
        with translated(endpoint, "SELECT"):
            await connection.execute("SELECT", endpoint.database)


async def _read(credential: str | Secret | FromFile) -> str:
    match credential:
        case str():
            return credential
        case Secret():
            return credential.reveal()
        case FromFile(path):
            return await trio.to_thread.run_sync(_content, path, abandon_on_cancel=True)


def _content(path: Path) -> str:
    """The content of a mounted secret, without the one line end that editors add."""
    try:
        content = read_file(path, most_bytes=_MOST_SECRET_BYTES).decode().removesuffix("\n").removesuffix("\r")
    except (FileUnusable, UnicodeDecodeError) as error:
        raise BrokerUnavailable(f"{path} cannot be read") from error
    if not content:
        raise BrokerUnavailable(f"{path} is empty")
    return content
