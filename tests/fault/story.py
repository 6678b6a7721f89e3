"""Runs the plan of one seed, and checks what is left in Valkey and in the cluster."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from krt.broker.client import Client, open_client
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.errors import BrokerRefused
from krt.secret import Secret
from tests.apiserver.server import ApiServer
from tests.fakes.pace import pace
from tests.fault.chaos import Chaos
from tests.fault.editor import Editor
from tests.fault.fleet import INTERVAL_SECONDS, Fleet, open_fleet
from tests.fault.history import History
from tests.fault.job import Job, announce_all
from tests.fault.krt_process import HERE
from tests.fault.ledger import Ledger, pending_entries, read_ledger, unsettled
from tests.fault.model import READ_SECONDS, Event, wrongs
from tests.fault.places import Place, places
from tests.fault.plan import Bounds, Plan, plan_of

QUIET_SECONDS = 90.0  # a dead worker's entries can be claimed after 15 s, and others look every 5 s
LOOK_SECONDS = 1.0
MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Story:
    """The record of one run: its plan, the jobs, the faults, and the final state of Valkey and the cluster."""

    plan: Plan
    places: Sequence[Place]
    jobs: Sequence[Job]
    chaos: Chaos
    history: History
    ledger: Ledger
    unfinished: Sequence[str]
    errors: Sequence[str]  # krt's log lines at level error
    unsettled: dict[object, str]
    edits: int
    lost_edits: Sequence[str]

    def naming(self, place: Place) -> list[Event]:
        return [event for event in self.ledger.events if place.is_named(event.image, event.tags)]


async def assert_survives(
    seed: int, bounds: Bounds, apiserver: ApiServer, namespace: str, folder: Path, *, code: Path = HERE
) -> None:
    """Run one plan, and assert that nothing is lost or repeated. A fleet of another version's `code` is updated."""
    plan = plan_of(seed, events=bounds.events_for(pace()), seconds=bounds.seconds, pace=pace())
    await apiserver.apply(*(place.to_object(namespace) for place in places()))
    async with open_fleet(apiserver, namespace, folder, code=code) as fleet:
        story = await live(plan, fleet, apiserver, namespace, is_update=code != HERE)
        assert_kept(story, fleet)


async def live(plan: Plan, fleet: Fleet, apiserver: ApiServer, namespace: str, *, is_update: bool = False) -> Story:
    """Run announcements, faults and perhaps an update. Then wait without faults until all is done, within a limit."""
    history, chaos = History(apiserver.control_plane, namespace), Chaos(fleet, apiserver.control_plane)
    editor = Editor(apiserver.control_plane, namespace, places(), plan.seed)
    jobs: list[Job] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(history.follow)
        async with trio.open_nursery() as others:
            others.start_soon(editor.edit)
            async with trio.open_nursery() as both:
                both.start_soon(chaos.run, plan)
                if is_update:
                    both.start_soon(chaos.update, plan.seconds)
                jobs += await announce_all(fleet, plan.announcements, plan.seed)
            others.cancel_scope.cancel()
        async with open_client(admin_of(fleet)) as client:
            with trio.move_on_after(QUIET_SECONDS * pace()):
                await loaded(client)
                await quiet(client)
            ledger = await read_ledger(client)
            reports = await unsettled(client, ledger.groups[0].name, ledger.events, places())
            unfinished = list(ledger.unfinished)
            if unfinished:
                unfinished.append(str(await pending_entries(client, ledger.groups[0].name)))
        nursery.cancel_scope.cancel()
    return Story(
        plan,
        places(),
        jobs,
        chaos,
        history,
        ledger,
        unfinished,
        errors=errors_of(fleet),
        unsettled=dict(reports),
        edits=len(editor.edits),
        lost_edits=await editor.lost(),
    )


def errors_of(fleet: Fleet) -> list[str]:
    """The error lines of all processes. No fault here may cause one, because krt must handle all of them."""
    return [*fleet.log_lines('"level": "error"'), *fleet.tracebacks()]


def admin_of(fleet: Fleet) -> Endpoint:
    endpoint = parse_endpoint(fleet.valkey.address)
    return replace(endpoint, username="admin", password=Secret("any"))


async def loaded(client: Client) -> None:
    """Return when Valkey has read its file: the last fault may have killed it, and it answers LOADING until then."""
    while True:
        try:
            await client.call("DBSIZE")
        except BrokerRefused as refused:
            if refused.code != "LOADING":
                raise
            await trio.sleep(LOOK_SECONDS)
        else:
            return


async def quiet(client: Client) -> None:
    """Return when no work is left."""
    ledger = await read_ledger(client)
    while ledger.unfinished or await unsettled(client, ledger.groups[0].name, ledger.events, places()):
        await trio.sleep(LOOK_SECONDS)
        ledger = await read_ledger(client)


def assert_kept(story: Story, fleet: Fleet) -> None:
    """Assert that nothing was lost and nothing was done twice."""
    found = list(problems(story))
    print(summary(story))
    assert not found, "\n".join([summary(story), *found, *evidence(story, fleet, found)])


def problems(story: Story) -> Iterator[str]:
    """The problems, one sentence each, which begins with the Deployment or event in question."""
    yield from story.chaos.wrongs
    yield from story.errors
    yield from story.unfinished
    yield from story.lost_edits
    yield from (f"event {event}: {problem}" for event, problem in story.unsettled.items())
    yield from _problems_of_jobs(story.jobs, story.ledger)
    for place in story.places:
        made = story.history.generations[place.name] - 1
        found = wrongs(
            story.naming(place),
            story.history.restarts[place.name],
            journal=story.ledger.name,
            newest=story.ledger.newest,
            interval_seconds=INTERVAL_SECONDS,
            disturbances=story.chaos.disturbances(),
            made=made,
            read_seconds=READ_SECONDS * pace(),
        )
        yield from (f"{place.name}: {wrong}" for wrong in found)


def _problems_of_jobs(jobs: Sequence[Job], ledger: Ledger) -> Iterator[str]:
    entries = Counter(event.run for event in ledger.events)
    found = {event.run: event for event in ledger.events}
    for job in jobs:
        asked, event = job.announcement, found.get(job.run)
        if job.refused:
            yield f"job {asked.number}: answered {job.answers}"
        if entries[job.run] > 1:
            yield f"job {asked.number}: {entries[job.run]} times in the journal"
        if job.id and (event is None or event.id != job.id):
            yield f"job {asked.number}: its 202 said {job.id}, the journal has {event}"
        if event and (event.image, event.tags) != (asked.image, asked.tags):
            yield f"job {asked.number}: announced {asked}, the journal has {event}"


def summary(story: Story) -> str:
    answers = Counter(answer for job in story.jobs for answer in job.answers)
    kinds = Counter(f"{fault.kind} {fault.target}" for fault, _, _ in story.chaos.done)
    restarts = sum(story.history.generations[place.name] - 1 for place in story.places)
    named = sum(len(story.naming(place)) for place in story.places)
    accepted = sum(job.id is not None for job in story.jobs)
    return (
        f"seed {story.plan.seed}: {len(story.jobs)} jobs, {accepted} with a 202, {len(story.ledger.events)} accepted; "
        f"{named} times an event named a Deployment, {restarts} restarts; "
        f"{story.edits} Deployments edited by somebody else\n"
        f"answers: {dict(answers.most_common())}\nfaults: {dict(sorted(kinds.items()))}"
    )


def evidence(story: Story, fleet: Fleet, found: Sequence[str]) -> Iterator[str]:
    """The history of the first Deployments and events with problems, and krt's log lines about them."""
    yield "--- faults"
    yield from (f"{began:.3f} to {ended:.3f}: {fault}" for fault, began, ended in story.chaos.done)
    names = dict.fromkeys(sentence.partition(":")[0] for sentence in found)
    for place in [place for place in story.places if place.name in names][:3]:
        yield f"--- {place}"
        yield from (f"event {event.at:.3f} {event.id} {event.image} {event.tags}" for event in story.naming(place))
        yield from (f"restart {each.at:.3f} covers {each.covers}" for each in story.history.restarts[place.name])
        yield from fleet.log_lines(f'/{place.name}"')[:MOST_LINES]
    for event in [name.removeprefix("event ") for name in names if name.startswith("event ")][:3]:
        yield f"--- event {event}"
        yield from fleet.log_lines(event)[:MOST_LINES]
