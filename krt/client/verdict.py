"""What each outcome prints, and the code the command ends with for it."""

from typing import assert_never

import msgspec

from krt.client.call import Call, Message
from krt.client.claims import Claims
from krt.client.console import Console, to_json
from krt.client.outcome import Accepted, Refused, Unanswered
from krt.core.event import Event

ACCEPTED, REFUSED, NO_ANSWER, INTERRUPTED = 0, 2, 3, 130
PERHAPS = "it may have been accepted all the same"


def tell(outcome: Accepted | Refused | Unanswered, message: Message, console: Console) -> int:
    """Print `outcome`; the exit code."""
    match outcome:
        case Accepted():
            return _accepted(outcome, message, console)
        case Refused():
            return _refused(outcome, message.event, console)
        case Unanswered():
            return _unanswered(outcome, console)
        case _:
            assert_never(outcome)


def tell_interrupted(call: Call, console: Console) -> int:
    """Print what an interrupt leaves behind; the exit code."""
    if call.accepted is not None:
        its_id = call.accepted.event_id
        state = f"the event was accepted{f' as {its_id}' if its_id else ''}"
    elif call.perhaps_accepted:
        state = f"the event was sent and not answered: {PERHAPS}"
    else:
        state = "the event was not accepted"
    console.fail(f"interrupted: {state}", accepted=_known(call))
    return INTERRUPTED


def _known(call: Call) -> bool | None:
    if call.accepted is not None:
        return True
    return None if call.perhaps_accepted else False


def _accepted(outcome: Accepted, message: Message, console: Console) -> int:
    effect = " (dry-run: nothing is restarted)" if message.dry_run else ""
    lines = [f"accepted: event {outcome.event_id}{effect}", f"status: {outcome.status_url}"]
    if outcome.event_id is None:
        lines = [f"accepted{effect}, by a server that gives events no id"]
    document = {
        "accepted": True,
        "id": outcome.event_id,
        "status": outcome.status_url,
        "dry_run": message.dry_run,
    }
    console.result(document, *lines)
    return ACCEPTED


def _refused(outcome: Refused, event: Event, console: Console) -> int:
    at_fault = f" (field: {outcome.field})" if outcome.field else ""
    facts = {"claims": msgspec.to_builtins(outcome.claims)} if outcome.claims else {"field": outcome.field}
    console.fail(f"{outcome.sentence}{at_fault}", accepted=False, status_code=outcome.status, **facts)
    if outcome.claims is not None:
        _explain_unknown_caller(outcome.claims, event, console)
    return REFUSED


def _unanswered(outcome: Unanswered, console: Console) -> int:
    perhaps = f"; {PERHAPS}" if outcome.perhaps_accepted else ""
    console.fail(
        f"not accepted within {outcome.seconds:g} s: {outcome.problem}{perhaps}",
        accepted=None if outcome.perhaps_accepted else False,
    )
    return NO_ANSWER


def _explain_unknown_caller(claims: Claims, event: Event, console: Console) -> None:
    console.note("the token of this job says:")
    console.detail("audience", f"{claims.aud}")
    console.detail("repository", f"{claims.repository} (id {claims.repository_id})")
    console.detail("owner", f"{claims.repository_owner} (id {claims.repository_owner_id})")
    console.detail("ref", f"{claims.ref}")
    console.detail("event", f"{claims.event_name}")
    console.note("krt web must expect this audience, and a rule of its policy must name repository or owner")
    console.note("what the policy makes of it, the operator sees with this line and, as claims.json, these claims:")
    tags = ",".join(event.tags)
    console.line(f"  krt check-policy --claims claims.json --image {event.image} --tags {tags}")
    console.line(f"  {to_json(msgspec.to_builtins(claims))}")
