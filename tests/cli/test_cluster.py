"""krt cluster list and forget before a real Valkey: what they print, and how they end."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio

from krt.cli.main import main
from krt.core.report.presence import Presence
from tests.fakes.ports import free_ports
from tests.fakes.valkey import client, endpoint, valkey
from tests.fakes.valkey_users import deployed_users, password_of
from tests.worker.accepting import KEYS

__all__ = ["client", "endpoint", "valkey"]

SOME = Presence(namespaces=("shop", "blog"), kinds=("Deployment", "StatefulSet"), require_opt_in=True)


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def cluster(valkey, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `krt cluster` to its end."""

    async def run(*words: str, environ: Mapping[str, str] | None = None) -> Ended:
        variables = {"VALKEY_ADDR": valkey.address} if environ is None else environ
        code = await trio.to_thread.run_sync(partial(main, ["cluster", *words], variables))
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


async def lived(client, group: str, *, ago: int, presence: Presence | None = None) -> None:
    now = int((await client.call("TIME"))[0])
    said = f"{now - 500_000} {now - ago} 0 {(presence or Presence()).to_json()}"
    await client.call("HSET", KEYS.alive, group, said)


async def test_a_table_says_which_clusters_there_are_and_when_they_were_last_seen(client, cluster):
    await lived(client, "default:1", ago=3)
    await lived(client, "eu:1", ago=7300, presence=SOME)
    await lived(client, "eu:2", ago=400_000)
    done = await cluster("list")
    time = "20..-..-..T..:..:..Z"
    assert (done.code, done.err) == (0, "")
    for pattern, line in zip(
        [
            "CLUSTER  STATE   LAST SEEN +SEES",
            f"default  alive   {time} \\([3-9] s ago\\) +Deployment in all namespaces",
            f"eu       silent  {time} \\(2 h ago\\) +Deployment, StatefulSet in shop, blog, opted in",
            f"eu       silent  {time} \\(4 d ago\\) +Deployment in all namespaces",
        ],
        done.out.splitlines(),
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line


async def test_json_says_the_same(client, cluster):
    await lived(client, "default:1", ago=3)
    await lived(client, "eu:1", ago=100, presence=SOME)
    done = await cluster("list", "--json")
    here, there = json.loads(done.out)
    assert (here["name"], here["alive"], here["namespaces"]) == ("default", True, [])
    assert there | {"seen_at": ""} == {
        "name": "eu",
        "alive": False,
        "left": False,
        "seen_at": "",
        "namespaces": ["shop", "blog"],
        "kinds": ["Deployment", "StatefulSet"],
        "require_opt_in": True,
    }


async def test_where_no_worker_ever_was_it_says_so(cluster):
    done = await cluster("list")
    assert (done.code, done.out) == (0, "no krt worker has used this Valkey yet, or every cluster has been forgotten\n")
    assert json.loads((await cluster("list", "--json")).out) == []


async def test_a_retired_cluster_is_forgotten_once(client, cluster):
    await lived(client, "eu:1", ago=100)
    done = await cluster("forget", "eu")
    assert (done.code, done.out, done.err) == (0, "forgotten: eu\n", "")
    done = await cluster("forget", "eu")
    assert (done.code, done.out, done.err) == (2, "", "krt: there is no cluster 'eu': see krt cluster list\n")


async def test_a_living_cluster_is_not_forgotten(client, cluster):
    await lived(client, "eu:1", ago=5)
    done = await cluster("forget", "eu")
    assert (done.code, done.out) == (2, "")
    assert done.err == "krt: workers of 'eu' were alive within the last minute: stop them first\n"


async def test_a_cluster_that_has_left_is_shown_so_and_can_be_forgotten_at_once(client, cluster):
    await lived(client, "eu:1", ago=5, presence=Presence(left=True))
    assert "eu       left" in (await cluster("list")).out
    [entry] = json.loads((await cluster("list", "--json")).out)
    assert (entry["alive"], entry["left"]) == (False, True)
    assert (await cluster("forget", "eu")).out == "forgotten: eu\n"


async def test_a_refusal_to_forget_names_the_user_who_may(client, cluster, valkey):
    """Not to grant a daemon's user more, as the refusal of any other command proposes."""
    for line in deployed_users():
        _, user, *rules = line.split()
        if user == "default":
            continue
        await client.call("ACL", "SETUSER", user, *(["off"] if user == "krt-operator" else rules))
    await lived(client, "eu:1", ago=100)
    for user, password, said in [
        ("krt-worker", password_of("krt-worker"), "krt: this user of Valkey may not forget a cluster"),
        ("krt-web", password_of("krt-web"), "krt: this user of Valkey may not forget a cluster"),
        ("krt-operator", password_of("krt-operator"), "krt: Valkey at "),
    ]:
        environ = {"VALKEY_ADDR": valkey.address, "VALKEY_USERNAME": user, "VALKEY_PASSWORD": password}
        done = await cluster("forget", "eu", environ=environ)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert done.err.startswith(said)
        assert "lets only krt-operator forget a cluster, and disables that user: docs/operations.md" in done.err
        assert "ACL SETUSER" not in done.err
        assert password not in done.err
    assert "eu " in (await cluster("list")).out, "a part of it was dropped"


async def test_each_installation_on_one_valkey_has_its_own_clusters(client, cluster, valkey):
    await lived(client, "eu:1", ago=100)
    other = {"VALKEY_ADDR": valkey.address, "KRT_KEY_PREFIX": "other"}
    assert json.loads((await cluster("list", "--json", environ=other)).out) == []
    assert (await cluster("forget", "eu", environ=other)).code == 2
    assert len(json.loads((await cluster("list", "--json", "--key-prefix", "krt")).out)) == 1


@pytest.mark.parametrize("words", [["list"], ["forget", "eu"]])
@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "VALKEY_ADDR (or --valkey-addr) is required"),
        ({"VALKEY_ADDR": "valkey:6379", "KRT_CLUSTERS": "x"}, "KRT_CLUSTERS is not a setting of krt"),
        (
            {"VALKEY_ADDR": "valkey:6379", "VALKEY_PASSWORD": "x", "VALKEY_PASSWORD_FILE": __file__},
            "VALKEY_PASSWORD and VALKEY_PASSWORD_FILE are both given",
        ),
    ],
)
async def test_bad_settings_are_a_sentence(cluster, words, environ, problem):
    done = await cluster(*words, environ=environ)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"krt: {problem}")


@pytest.mark.parametrize("words", [["list"], ["forget", "eu"]])
async def test_a_valkey_that_is_not_there_is_a_sentence(cluster, words):
    [port] = free_ports(1)
    done = await cluster(*words, environ={"VALKEY_ADDR": f"127.0.0.1:{port}"})
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert f"127.0.0.1:{port}" in done.err


async def test_a_valkey_that_does_not_let_one_do_it_is_a_sentence(client, cluster, valkey):
    await client.call("ACL", "SETUSER", "reader", "on", ">x", "~*", "+@all", "-eval", "-evalsha")
    environ = {"VALKEY_ADDR": valkey.address, "VALKEY_USERNAME": "reader", "VALKEY_PASSWORD": "x"}
    done = await cluster("list", environ=environ)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("words", [[], ["drop"], ["forget"], ["list", "eu"], ["list", "--valkey-channel", "x"]])
async def test_other_words_end_with_code_two(cluster, words):
    with pytest.raises(SystemExit) as ended:
        await cluster(*words)
    assert ended.value.code == 2
