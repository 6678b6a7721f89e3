"""Translates errors between krt and Valkey into krt's own errors: sentences with a remedy and without a secret."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import trio
from valkey.exceptions import ResponseError, ValkeyError

from krt.broker.connection import Argument, code_of
from krt.broker.endpoint import Endpoint, FromFile
from krt.errors import BrokerRefused, BrokerUnavailable

FAILURES = (trio.TooSlowError, OSError, ValkeyError)  # a ResponseError is a ValkeyError

_MOST_QUOTED_CHARACTERS = 200
_CLUSTER_CODES = {"MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN"}
_COMMAND_DENIED = re.compile(r"User (?P<user>\S+) has no permissions to run the '(?P<command>\S+)' command")
_KEY_DENIED = "No permissions to access a key"
_CHANNEL_DENIED = "No permissions to access a channel"


@contextmanager
def translated(endpoint: Endpoint, *command: Argument) -> Iterator[None]:
    """Raise BrokerRefused if the block raises for an error reply, BrokerUnavailable for a lost, late or unreadable one.

    `command` is the command that was sent. Messages quote at most its first word and the channel's name.
    """
    try:
        yield
    except FAILURES as error:
        raise translation(endpoint, command, error) from error


def translation(endpoint: Endpoint, command: Sequence[Argument], error: Exception) -> BrokerRefused | BrokerUnavailable:
    """The error that `translated` raises for `error`, which is one of FAILURES."""
    match error:
        case ResponseError():
            return refusal(endpoint, command, error)
        case trio.TooSlowError():
            return BrokerUnavailable(f"{endpoint} did not answer {_name(command)} in time")
        case OSError():
            return BrokerUnavailable(f"{endpoint} cannot be reached: {_reason(error)}")
        case _:
            return BrokerUnavailable(f"{endpoint}: {quoted(str(error))}")


def refusal(endpoint: Endpoint, command: Sequence[Argument], error: ResponseError) -> BrokerRefused:
    """The error for the error reply to `command`: a sentence, with the remedy if krt knows one."""
    problem = _problem(endpoint, command, str(error))
    return BrokerRefused(f"{endpoint} {problem}", code=quoted(code_of(error)))


def quoted(text: str) -> str:
    """Text from outside, escaped to ASCII and cut, so that it fits into one line of a log."""
    return ascii(text)[1:-1][:_MOST_QUOTED_CHARACTERS]


def _problem(endpoint: Endpoint, command: Sequence[Argument], text: str) -> str:
    code = text.partition(" ")[0]
    if code in _CLUSTER_CODES:
        return (
            f"answered {_name(command)} with {code}: krt is not a cluster client,"
            " it needs the one primary that holds the hash slot of its keys"
        )
    if code == "READONLY":
        return f"refused {_name(command)}: it is a replica, krt needs the primary"
    if code == "NOAUTH":
        return "asks for a password: VALKEY_PASSWORD, and VALKEY_USERNAME if its user has a name"
    if (rule := _missing_rule(endpoint, command, text)) is not None:
        user, grant = rule
        return f"does not let user {user} do this ({_name(command)}): grant it by ACL SETUSER {user} {grant}"
    return f"refused {_name(command)}: {quoted(text)}"


def _missing_rule(endpoint: Endpoint, command: Sequence[Argument], text: str) -> tuple[str, str] | None:
    """The user and the ACL rule that it lacks, also for a command within a script; None if the error is another one."""
    if denied := _COMMAND_DENIED.search(text):
        return quoted(denied["user"]), f"+{quoted(denied['command'])}"
    if _KEY_DENIED in text:
        return _user(endpoint), "~{krt}:* (or ~KRT_KEY_PREFIX:*)"
    if _CHANNEL_DENIED in text:
        return _user(endpoint), f"&{_channel(command)}"
    return None


def _user(endpoint: Endpoint) -> str:
    match endpoint.username:
        case None:
            return "default"
        case FromFile(path):
            return f"USER (its name is in {path})"
        case name:
            return quoted(name)


def _channel(command: Sequence[Argument]) -> str:
    return _text(command[1]) if _name(command) in {"SUBSCRIBE", "PUBLISH"} else "CHANNEL"


def _reason(error: OSError) -> str:
    """The system's message. If a host has several addresses, Trio raises a group of errors: then all their messages."""
    if isinstance(error.__cause__, ExceptionGroup):
        return ", ".join(dict.fromkeys(_reason(e) for e in error.__cause__.exceptions if isinstance(e, OSError)))
    return quoted(error.strerror or str(error))


def _name(command: Sequence[Argument]) -> str:
    return _text(command[0]).upper()


def _text(argument: Argument) -> str:
    return quoted(argument.decode(errors="replace") if isinstance(argument, bytes) else str(argument))
