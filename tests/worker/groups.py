"""Workers by the settings that they are started with, and an event that they may have missed."""

from dataclasses import dataclass

from krt.broker.client import Client
from krt.broker.journal import ValkeyJournal
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event_id import EventId
from krt.core.envelope import to_fields
from krt.core.report.presence import Presence, group_name
from krt.core.report.report import Group, GroupState
from krt.daemon.worker import presence_of
from krt.settings.load import load
from tests.fakes.values import an_envelope
from tests.fakes.workloads import FakeWorkloads
from tests.worker.accepting import KEYS, add
from tests.worker.workers import web

TWENTY_MINUTES = 1200
DAY = 24 * 3600
MATCHED = Group(GroupState.MATCHED)


@dataclass(frozen=True, slots=True)
class Workers:
    """Those that are started with some settings: the name of their group, and what they say of themselves."""

    group: str
    presence: Presence

    def journal(self, client: Client) -> ValkeyJournal:
        return ValkeyJournal(client, KEYS, group=self.group, most_entries=1000)

    def rollouts(self, client: Client) -> ValkeyRollouts:
        return ValkeyRollouts(client, KEYS, group=self.group, presence=self.presence)

    async def lived(self, client: Client, *, until_seconds_ago: int = 0) -> None:
        """They were there for a day, until then."""
        now = int((await client.call("TIME"))[0])
        said = f"{now - DAY} {now - until_seconds_ago} 0 {self.presence.to_json()}"
        await client.call("HSET", KEYS.alive, self.group, said)


def workers(**environ: str) -> Workers:
    needed = {"VALKEY_ADDR": "valkey:6379", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
    settings = load("worker", {}, needed | environ).cluster
    assert settings is not None
    presence = presence_of(settings)
    return Workers(group_name(settings.name, presence), presence)


ALL, SHOP = workers(), workers(KRT_NAMESPACES="shop")


def a_cluster() -> FakeWorkloads:
    """The Deployment shop/web, older than any event and never restarted."""
    return FakeWorkloads(web(created_at="2020-01-01T00:00:00Z", opt="enabled"))


async def an_event(client: Client, *, seconds_ago: int = TWENTY_MINUTES, dry_run: bool = False) -> EventId:
    fields = to_fields(an_envelope(dry_run=dry_run))
    entry = await add(client, seconds_ago * 1000, **fields)
    await client.call("HSET", KEYS.report(str(entry)), *(part for field in fields.items() for part in field))
    return entry
