"""What the operator reads when Valkey refuses."""

from pathlib import Path

import pytest
import trio
from valkey.exceptions import ConnectionError as ConnectionLost
from valkey.exceptions import ResponseError

from krt.broker.endpoint import Endpoint, FromFile, Tcp
from krt.broker.failures import quoted, refusal, translated
from krt.errors import BrokerRefused, BrokerUnavailable

ENDPOINT = Endpoint(Tcp("db", 6379), username="web")


DENIED = "does not let user web do this"
IN_SCRIPT = "ERR ACL failure in script: "
NO_COMMAND = "User web has no permissions to run the '{}' command"
NO_KEY = "No permissions to access a key"
NO_CHANNEL = "No permissions to access a channel"


@pytest.mark.parametrize(
    ("command", "answer", "sentence"),
    [
        (
            "XADD",
            f"NOPERM {NO_COMMAND.format('xadd')}",
            f"{DENIED} (XADD): grant it by ACL SETUSER web +xadd",
        ),
        (
            b"xgroup",
            f"NOPERM {NO_COMMAND.format('xgroup|create')}",
            f"{DENIED} (XGROUP): grant it by ACL SETUSER web +xgroup|create",
        ),
        (
            "EVALSHA",
            f"{IN_SCRIPT}{NO_COMMAND.format('set')} script: on @user_script:1.",
            f"{DENIED} (EVALSHA): grant it by ACL SETUSER web +set",
        ),
        ("GET", f"NOPERM {NO_KEY}", f"{DENIED} (GET): grant it by ACL SETUSER web ~{{krt}}:* "),
        ("SUBSCRIBE", f"NOPERM {NO_CHANNEL}", f"{DENIED} (SUBSCRIBE): grant it by ACL SETUSER web &first"),
        ("EVALSHA", f"{IN_SCRIPT}{NO_CHANNEL}", f"{DENIED} (EVALSHA): grant it by ACL SETUSER web &CHANNEL"),
        (
            "GET",
            "MOVED 1234 10.0.0.7:6379",
            "answered GET with MOVED: krt is not a cluster client, it needs the one ",
        ),
        ("SET", "READONLY You can't write", "refused SET: it is a replica, krt needs the primary"),
        ("PING", "NOAUTH Authentication required.", "asks for a password: VALKEY_PASSWORD"),
        ("SET", "OOM command not allowed when", "refused SET: OOM command not allowed when"),
        ("GET", "LOADING Valkey is loading", "refused GET: LOADING Valkey is loading"),
        ("GET", "ERR a\r\nb \x1b[31m é" + "x" * 500, "refused GET: ERR a\\r\\nb \\x1b[31m \\xe9xxx"),
        ("GET", "", "refused GET: "),
    ],
)
def test_a_refusal_says_what_was_refused_and_its_remedy(command, answer, sentence):
    error = refusal(ENDPOINT, (command, "first", "second"), ResponseError(answer))
    assert str(error).startswith(f"Valkey at db:6379 {sentence}")
    assert error.code == answer.partition(" ")[0]
    assert "second" not in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("username", "shown"),
    [(None, "default"), (FromFile(Path("/run/secrets/user")), "USER (its name is in /run/secrets/user)")],
)
def test_the_user_lacking_a_rule_is_named_as_far_as_it_is_known(username, shown):
    error = refusal(
        Endpoint(Tcp("db", 6379), username=username),
        ("GET",),
        ResponseError("NOPERM No permissions to access a key"),
    )
    assert f"does not let user {shown} do this" in str(error)


def raising(error: Exception) -> None:
    with translated(ENDPOINT, "GET", "key"):
        raise error


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (ResponseError("ERR no"), BrokerRefused, "Valkey at db:6379 refused GET: ERR no"),
        (
            ConnectionLost("the connection was lost"),
            BrokerUnavailable,
            "Valkey at db:6379: the connection was lost",
        ),
        (trio.TooSlowError(), BrokerUnavailable, "Valkey at db:6379 did not answer GET in time"),
        (
            OSError(111, "Connection refused"),
            BrokerUnavailable,
            "Valkey at db:6379 cannot be reached: Connection refused",
        ),
    ],
)
def test_each_failure_becomes_an_error_of_krt_with_its_cause(error, kind, sentence):
    with pytest.raises(kind, match="^" + sentence) as caught:
        raising(error)
    assert caught.value.__cause__ is error


def test_a_bug_is_not_translated():
    with pytest.raises(KeyError):
        raising(KeyError("x"))


def test_quoted_text_is_one_line_of_ascii_and_short():
    text = quoted("a\u2028b\n\x1b[0m" * 100)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) == 200
