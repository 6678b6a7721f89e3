"""Prints each outcome of the command, and returns its exit code."""

import time
from signal import Signals
from typing import assert_never

import msgspec

from krt.client import causes, exits
from krt.client.call import Announcement, AnnouncingCall
from krt.client.causes import Causes
from krt.client.claims import Claims
from krt.client.console import Console, plain, to_json
from krt.client.ending import Ending
from krt.client.outcome import Accepted, Refused, Unanswered
from krt.core.announce.event import Event
from krt.core.report.report import EventState

PERHAPS = "the event may have been accepted all the same"


def tell(outcome: Accepted | Refused | Unanswered, message: Announcement, console: Console) -> int:
    """Print the outcome of the call. Returns the exit code."""
    match outcome:
        case Accepted():
            _put_out(outcome, console)
            console.result(_document(outcome, message), *_acceptance(outcome, message))
            return exits.DONE
        case Refused():
            return _refused(outcome, message.event, console, {"accepted": False})
        case Unanswered():
            return _unanswered(outcome, console)
        case _:
            assert_never(outcome)


def tell_accepted(accepted: Accepted, message: Announcement, console: Console) -> None:
    """Print that the event was accepted, before its rollout is followed."""
    _put_out(accepted, console)
    for line in _acceptance(accepted, message):
        console.note(line)


def tell_end(ending: Ending, accepted: Accepted, message: Announcement, console: Console) -> int:
    """Print the end of the wait for an accepted event. Returns the exit code."""
    state, report = (ending.report.state, msgspec.to_builtins(ending.report)) if ending.report else (None, None)
    document = {**_document(accepted, message), "state": state, "report": report}
    if state is not None:
        console.output(state=plain(state))
    if ending.is_empty:
        console.flag(ending.sentence)
    for warning in ending.warnings:
        console.warn(warning)
    if ending.code == exits.DONE:
        console.result(document, ending.sentence)
    else:
        console.fail(ending.sentence, *ending.reasons, **document)
    return ending.code


def tell_shut_out(refused: Refused, accepted: Accepted, message: Announcement, console: Console) -> int:
    """Print that krt web refused the caller after it had accepted the event. Returns the exit code."""
    return _refused(refused, message.event, console, _document(accepted, message))


def tell_interrupted(call: AnnouncingCall, by: Signals, console: Console) -> int:
    """Print the state of the event after an interrupt by this signal. Returns the exit code."""
    if call.accepted is not None:
        state = _goes_on(call.accepted)
    elif call.perhaps_accepted:
        state = f"krt web has given no final answer: {PERHAPS}"
    else:
        state = "the event was not accepted"
    console.fail(f"interrupted by {by.name}: {state}", accepted=_known(call), **_facts(call.accepted))
    return exits.BY_SIGNAL + by


def _put_out(accepted: Accepted, console: Console) -> None:
    """Set the step's outputs now, not at the end: a step that is cancelled or killed later has them, too."""
    console.output(event=accepted.event_id or "", state=EventState.ACCEPTED, report=accepted.status_url or "")


def _known(call: AnnouncingCall) -> bool | None:
    if call.accepted is not None:
        return True
    return None if call.perhaps_accepted else False


def _goes_on(accepted: Accepted) -> str:
    if accepted.event_id is None:
        return "the event was accepted and goes on"
    report = f"a token of this repository opens its report for a day: {accepted.status_url}"
    return f"the event was accepted as {accepted.event_id} and goes on; {report}"


def _facts(accepted: Accepted | None) -> dict[str, object]:
    return {"id": accepted.event_id, "status": accepted.status_url} if accepted else {}


def _document(accepted: Accepted, message: Announcement) -> dict[str, object]:
    return {"accepted": True, **_facts(accepted), "dry_run": message.dry_run}


def _acceptance(accepted: Accepted, message: Announcement) -> list[str]:
    effect = " (dry-run: nothing is restarted)" if message.dry_run else ""
    if accepted.event_id is None:
        return [f"accepted{effect}, by a server that gives events no id"]
    page = [f"page: {message.page}/events/{accepted.event_id}"] if message.page else []
    return [f"accepted: event {accepted.event_id}{effect}", f"status: {accepted.status_url}", *page]


def _refused(outcome: Refused, event: Event, console: Console, facts: dict[str, object]) -> int:
    at_fault = f" (field: {outcome.field})" if outcome.field else ""
    more = {"claims": msgspec.to_builtins(outcome.claims)} if outcome.claims else {"field": outcome.field}
    console.fail(f"{outcome.sentence}{at_fault}", **facts, status_code=outcome.status, **more)
    if outcome.claims is not None:
        _explain_unknown_caller(outcome.claims, causes.of(outcome.claims, outcome.date, time.time()), event, console)
    return exits.REFUSED


def _unanswered(outcome: Unanswered, console: Console) -> int:
    perhaps = f"; {PERHAPS}" if outcome.perhaps_accepted else ""
    console.fail(
        f"no final answer within {outcome.seconds:g} s: {outcome.problem}{perhaps}",
        accepted=None if outcome.perhaps_accepted else False,
    )
    return exits.NO_ANSWER


def _explain_unknown_caller(claims: Claims, why: Causes, event: Event, console: Console) -> None:
    console.note("the token of this job says:")
    console.detail("audience", f"{claims.aud}")
    console.detail("repository", f"{claims.repository} (id {claims.repository_id})")
    console.detail("owner", f"{claims.repository_owner} (id {claims.repository_owner_id})")
    console.detail("ref", f"{claims.ref}")
    console.detail("event", f"{claims.event_name}")
    for cause in why.certain:
        console.note(f"the cause: {cause}")
    if why.possible:
        console.note("krt web tells no caller why; the token's form and times are in order, so the cause may be:")
    for cause in why.possible:
        console.line(f"  - {plain(cause)}")
    console.note(
        "the operator can check it with these claims as claims.json, the settings of krt web, and this command:"
    )
    at = "" if why.judged_at is None else f" --at {causes.iso(why.judged_at)}"
    console.line(f"  krt check-policy --claims claims.json --image {event.image} --tags {','.join(event.tags)}{at}")
    console.line(f"  {to_json(msgspec.to_builtins(claims))}")
