"""The users of deploy/valkey/users.acl may do all that krt does, and nothing else.

A new command of krt's wants a line there and a deed in tests/broker/deeds.py: a script without a deed fails here.
"""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

import krt.broker
from krt.broker.client import open_client
from krt.broker.script import Script
from krt.dev.valkey import open_valkey
from krt.errors import BrokerRefused, BrokerUnavailable
from krt.secret import Secret
from tests.broker.deeds import DEEDS, Deed, Server, an_accepted_event, open_server
from tests.fakes.valkey_users import ACL_FILE, deployed_users, password_of

# What neither may do, and what is the other's alone. A stranger's password opens nothing more than the deeds above.
NOBODY: tuple[str, ...] = (
    "FLUSHALL",
    "FLUSHDB",
    "SHUTDOWN NOSAVE",
    "DEBUG SLEEP 0",
    "SAVE",
    "BGREWRITEAOF",
    "REPLICAOF NO ONE",
    "MONITOR",
    "SLOWLOG GET",
    "MEMORY USAGE {krt}:journal",
    "CONFIG SET appendonly no",
    "CONFIG REWRITE",
    "ACL LIST",
    "ACL SETUSER krt-web +@all",
    "CLIENT LIST",
    "CLIENT KILL TYPE normal",
    "MODULE LIST",
    "FUNCTION LIST",
    "SCRIPT FLUSH",
    "SWAPDB 0 1",
    "MULTI",
    "KEYS *",
    "SCAN 0",
    "RANDOMKEY",
    "DEL {krt}:journal",
    "UNLINK {krt}:journal",
    "RENAME {krt}:journal {krt}:report:1-1",
    "COPY {krt}:journal {krt}:report:1-1",
    "DUMP {krt}:journal",
    "EXPIRE {krt}:journal 1",
    "XDEL {krt}:journal 1-1",
    "XSETID {krt}:journal 9999999999999-0",
    "XRANGE {krt}:journal - +",
    "XREAD STREAMS {krt}:journal 0",
    "XGROUP DESTROY {krt}:journal default:1",
    "GET foreign",
    "SET foreign value",
    "GET {other}:journal-name",
    "SET {krt}:journal:more value",
    "HGETALL {krt}",
    "PUBLISH foreign message",
    "SUBSCRIBE foreign",
    "PSUBSCRIBE *",
    "PSUBSCRIBE kuberollouttrigger",
    "SSUBSCRIBE kuberollouttrigger",
    "SPUBLISH kuberollouttrigger message",
    "PUBSUB CHANNELS",
)
REFUSED: dict[str, tuple[str, ...]] = {
    "krt-web": (
        *NOBODY,
        "CONFIG GET appendfsync",
        "PUBLISH {krt}:reports 1-1",
        "SUBSCRIBE kuberollouttrigger",
        "XREADGROUP GROUP default:1 web STREAMS {krt}:journal >",
        "XACK {krt}:journal default:1 1-1",
        "XTRIM {krt}:journal MAXLEN 0",
        "XGROUP CREATE {krt}:journal default:1 $",
        "XGROUP SETID {krt}:journal default:1 $",
        "HDEL {krt}:report:1-1 image",
        "XINFO GROUPS {krt}:journal",
        "GET {krt}:cluster:default",
        "GET {krt}:adopter",
        "HGETALL {krt}:followed:default:1",
        "SET {krt}:group-made:default:1 0",
    ),
    "krt-worker": (
        *NOBODY,
        "PUBLISH kuberollouttrigger {}",
        "SUBSCRIBE {krt}:reports",
        "GET {krt}:token:abc",
        "SET {krt}:token:abc value",
        "GET {krt}:retry:abc",
        "XGROUP CREATECONSUMER {krt}:journal default:1 me",
    ),
    "krt-operator": (
        *(command for command in NOBODY if not command.startswith("XGROUP DESTROY")),  # `krt cluster forget` does
        "XADD {krt}:journal * field value",
        "XACK {krt}:journal default:1 1-1",
        "XTRIM {krt}:journal MAXLEN 0",
        "XGROUP DESTROY {krt}:alive default:1",
        "XGROUP SETID {krt}:journal default:1 $",
        "DEL {krt}:report:1-1",
        "DEL {krt}:token:abc",
        "HSET {krt}:alive default:1 value",
        "SET {krt}:cluster:default other",
        "SUBSCRIBE kuberollouttrigger",
        "PUBLISH kuberollouttrigger {}",
    ),
}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with open_server() as opened:
        yield opened


@pytest.mark.parametrize(("user", "deed"), [(user, deed) for user, deeds in DEEDS.items() for deed in deeds])
async def test_krt_may_do_what_it_does(server: Server, user: str, deed: Deed) -> None:
    await deed(server)
    assert await denials(server) <= {("krt-web", "config|get")}


@pytest.mark.parametrize("user", REFUSED)
async def test_everything_else_is_refused(server: Server, user: str) -> None:
    await an_accepted_event(server)
    not_refused = {command: answer for command in REFUSED[user] if (answer := await tried(server, user, command))}
    assert not_refused == {}


@pytest.mark.parametrize("user", DEEDS)
@pytest.mark.parametrize(
    "text",
    [
        "return redis.call('FLUSHALL')",
        "return redis.call('GET', 'foreign')",
        "return redis.call('DEL', '{krt}:journal')",
        "return redis.call('PUBLISH', 'foreign', 'message')",
    ],
)
async def test_a_script_may_do_no_more_than_its_caller(server: Server, user: str, text: str) -> None:
    with pytest.raises(BrokerRefused, match="grant it by"):
        await server.client(user).call("EVAL", text, 0)


@pytest.mark.parametrize("user", DEEDS)
async def test_a_script_may_name_no_foreign_key(server: Server, user: str) -> None:
    with pytest.raises(BrokerRefused, match="grant it by"):
        await server.client(user).call("EVAL", "return 1", 1, "foreign")


async def test_nobody_is_let_in_without_a_password(server: Server) -> None:
    for username, password in [(None, None), ("default", ""), ("krt-web", ""), ("krt-worker", password_of("krt-web"))]:
        secret = None if password is None else Secret(password)
        stranger = replace(server.endpoint("admin"), username=username, password=secret)
        async with open_client(stranger) as client:
            with pytest.raises(BrokerRefused):
                await client.call("PING")


async def test_the_file_as_it_is_lets_no_server_start() -> None:
    """Its placeholders are no digests: nobody runs it with passwords that everybody knows."""
    with pytest.raises(BrokerUnavailable, match="password hash"):
        async with open_valkey(users=ACL_FILE.read_text().splitlines()):
            pass


@pytest.mark.parametrize("user", DEEDS)
async def test_there_is_no_rule_that_krt_could_do_without(server: Server, user: str) -> None:
    rules = rules_of(user)
    needless = []
    for rule in granting(rules):
        await set_rules(server, user, without(rule, rules))
        if await all_succeed(server, DEEDS[user]):
            needless.append(rule)
    assert needless == []


async def test_every_script_of_krt_is_tried(server: Server) -> None:
    for deed in (deed for deeds in DEEDS.values() for deed in deeds):
        await server.admin.call("FLUSHALL")
        await deed(server)
    found = scripts()
    known = await server.admin.call("SCRIPT", "EXISTS", *(script.sha for script in found.values()))
    assert isinstance(known, list)
    assert [name for name, there in zip(found, known, strict=True) if not there] == []


async def tried(server: Server, user: str, command: str) -> str | None:
    """What came instead of NOPERM, or None."""
    try:
        return repr(await server.client(user).call(*command.split()))
    except BrokerRefused as error:
        return None if error.code == "NOPERM" else str(error)


async def denials(server: Server) -> set[tuple[str, str]]:
    """Which user was denied what: a script may have passed over it in silence."""
    log = await server.admin.call("ACL", "LOG")
    entries = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in log]
    return {(entry[b"username"].decode(), entry[b"object"].decode()) for entry in entries}


def scripts() -> dict[str, Script]:
    """All that krt ever sends, by name."""
    modules = [
        importlib.import_module(f"krt.broker.{found.name}") for found in pkgutil.iter_modules(krt.broker.__path__)
    ]
    return {name: value for module in modules for name, value in vars(module).items() if isinstance(value, Script)}


def rules_of(user: str) -> list[str]:
    """What the file says of the user; a selector, in its parentheses, is one rule."""
    line = next(line for line in deployed_users() if line.split()[1] == user)
    return re.findall(r"\([^)]*\)|\S+", line)[2:]


def granting(rules: list[str]) -> list[str]:
    """The words that allow something: commands, keys, channels, those within selectors too."""
    return [word for word in " ".join(rules).replace("(", "").replace(")", "").split() if word[0] in "+~&"]


def without(word: str, rules: list[str]) -> list[str]:
    """The same rules, but for this word."""
    return [re.sub(rf"(?<=[( ]){re.escape(word)}(?=[) ])", "", f" {rule} ").strip() for rule in rules]


async def set_rules(server: Server, user: str, rules: list[str]) -> None:
    await server.admin.call("ACL", "SETUSER", user, "reset", *filter(None, rules))


async def all_succeed(server: Server, deeds: tuple[Deed, ...]) -> bool:
    for deed in deeds:
        await server.admin.call("FLUSHALL")
        await server.admin.call("SCRIPT", "FLUSH")
        try:
            await deed(server)
        except Exception:
            return False
    return True
