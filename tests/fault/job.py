"""A job that announces an image as `krt notify` does: with one token, one body and one key, until it is answered."""

import json
import random
import uuid
from dataclasses import dataclass, field

import httpx
import trio

from krt.core.announce.event_id import EventId, parse
from krt.http import Outgoing
from tests.fault.fleet import AUDIENCE, Fleet
from tests.fault.plan import WEBS, Announcement

ATTEMPT_SECONDS = 5.0
GIVE_UP_SECONDS = 12.0
MOST_PAUSE_SECONDS = 1.5
REPOSITORIES = 100  # so many that no repository reaches its rate limit


@dataclass(slots=True)
class Job:
    """A job. `answers` are short forms of the answers to all attempts. `id` is None if none was a 202."""

    announcement: Announcement
    id: EventId | None = None
    answers: list[str] = field(default_factory=list)
    refused: bool = False  # whether there was a refusal that no fault excuses

    @property
    def run(self) -> str:
        """The run id in the job's token, by which its event is found in the journal."""
        return str(1000 + self.announcement.number)

    async def announce(self, fleet: Fleet, http: httpx.AsyncClient, source: random.Random) -> None:
        """Repeat until a 202, or until the time is over. Each attempt goes to either web, as behind a Service."""
        number = self.announcement.number
        token = fleet.issuer.token(AUDIENCE, run_id=self.run, repository_id=str(100 + number % REPOSITORIES))
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.UUID(int=source.getrandbits(128))),
        }
        with trio.move_on_after(GIVE_UP_SECONDS):
            while not await self._attempt(fleet.krt[source.choice(WEBS)].url, http, headers):  # noqa: ASYNC110
                await trio.sleep(source.uniform(0, MOST_PAUSE_SECONDS))

    async def _attempt(self, url: str, http: httpx.AsyncClient, headers: dict[str, str]) -> bool:
        body = json.dumps({"image": self.announcement.image, "tags": self.announcement.tags}).encode()
        request = http.build_request("POST", f"{url}/event", content=body, headers=headers)
        request.stream = Outgoing(body)  # httpx's own stays unclosed where the connection breaks
        try:
            answer = await http.send(request)
        except httpx.TransportError as error:
            self.answers.append(type(error).__name__)
            return False
        self.answers.append(str(answer.status_code))
        if answer.status_code == 202:
            self.id = parse(answer.json()["id"])
        elif answer.status_code != 503:
            self.refused = True
            self.answers.append(answer.text)
        return answer.status_code != 503


async def announce_all(fleet: Fleet, announcements: tuple[Announcement, ...], seed: int) -> list[Job]:
    """Make all announcements at their times. Return when each is answered or has given up."""
    jobs = [Job(each) for each in announcements]
    began = trio.current_time()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    http_client = httpx.AsyncClient(trust_env=False, timeout=ATTEMPT_SECONDS, limits=limits)
    async with http_client as http, trio.open_nursery() as nursery:
        for job in jobs:
            await trio.sleep_until(began + job.announcement.at_seconds)
            source = random.Random(seed * 1_000_000 + job.announcement.number)
            nursery.start_soon(job.announce, fleet, http, source)
    return jobs
