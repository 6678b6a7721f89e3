"""What a real krt web needs around it, kept by a thread with a loop of its own: an issuer of keys and a Valkey.

They outlive single tests, each of which has its own loop.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import trio

from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.dev.issuer import StandInIssuer
from krt.dev.valkey import EmbeddedValkey, open_valkey
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.served import served
from tests.oidc.tokens import key_set_body

T = TypeVar("T")

VALKEY_USER, VALKEY_PASSWORD = "krt", "s3cret-of-valkey-0123456789"
_USERS = (
    "user default off",
    f"user {VALKEY_USER} on >{VALKEY_PASSWORD} ~* &* +@all",
    f"user narrow on >{VALKEY_PASSWORD} ~* &* +ping +info",
)


@dataclass
class Surroundings:
    """The issuer publishes the key that `tests.oidc.tokens` signs with."""

    issuer: StandInIssuer
    valkey: EmbeddedValkey
    token: trio.lowlevel.TrioToken
    stopping: trio.Event

    @property
    def endpoint(self) -> Endpoint:
        """Valkey, as the user who may do everything."""
        path = self.valkey.address.removeprefix("unix://")
        return parse_endpoint(f"unix://{VALKEY_USER}:{VALKEY_PASSWORD}@{path}")

    def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Have the thread do it; blocks."""
        return trio.from_thread.run(call, trio_token=self.token)

    @property
    def environ(self) -> dict[str, str]:
        """The settings of a krt web in these surroundings."""
        return {
            "VALKEY_ADDR": self.valkey.address,
            "VALKEY_USERNAME": VALKEY_USER,
            "VALKEY_PASSWORD": VALKEY_PASSWORD,
            "KRT_OIDC_ISSUER": self.issuer.url,
        }


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Started, until the end of the block."""
    ready: list[Surroundings] = []
    is_ready = threading.Event()

    async def main() -> None:
        issuer = StandInIssuer()
        issuer.keys_body = key_set_body()
        async with open_valkey(users=_USERS, durable=True) as valkey, served(issuer) as url:
            issuer.url = url
            stopping = trio.Event()
            ready.append(Surroundings(issuer, valkey, trio.lowlevel.current_trio_token(), stopping))
            is_ready.set()
            await stopping.wait()

    def run() -> None:
        try:
            trio.run(main)
        finally:
            is_ready.set()

    # A daemon, because a worker of pytest-xdist that loses its controller ends without the teardown below.
    thread = threading.Thread(target=run, name="surroundings", daemon=True)
    thread.start()
    is_ready.wait(PATIENCE_SECONDS)
    try:
        yield ready[0]
    finally:
        if ready:
            trio.from_thread.run_sync(ready[0].stopping.set, trio_token=ready[0].token)
        thread.join(PATIENCE_SECONDS)
