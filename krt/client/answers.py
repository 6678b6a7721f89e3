"""Interprets answers of krt web, or of a server in its place, for the job (RFC 9110, RFC 9457, krt/web/answers.py)."""

import msgspec

from krt.client import unsaid
from krt.client.address import KrtServer, shown
from krt.client.claims import Claims
from krt.client.outcome import Accepted, Lost, NotYet, Refused
from krt.client.report import ReceivedReport
from krt.client.transport import Answer
from krt.core.announce import event_id


class _Receipt(msgspec.Struct):
    id: str = ""


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    field: str | None = None


def read(answer: Answer, server: KrtServer, claims: Claims) -> Accepted | Refused | NotYet:
    """The outcome of an announcement that got `answer`. `claims` are those of the token that was sent."""
    match answer.status:
        case 202:
            return _accepted(answer, server)
        case 401:
            sentence = f"{unsaid.who(answer)} does not know this caller (401){unsaid.causes(answer)}"
            return Refused(sentence, status=401, claims=claims, date=answer.date)
        case 408 | 429:
            return _not_yet(answer, not_taken=True)
        case status if status >= 500:  # an accepted event may also get 503, or a proxy's 502 or 504
            return _not_yet(answer, not_taken=False)
        case status if status < 400 or status == 404:
            return Refused(_not_krt(answer), status=status)
        case status:
            return _refused(answer)


def read_report(answer: Answer, claims: Claims) -> ReceivedReport | NotYet | Refused | Lost:
    """The outcome of a request for a report that got `answer`. `claims` are those of the token that was sent."""
    match answer.status:
        case 200:
            return answer.document(ReceivedReport) or NotYet("krt web answered without a report")
        case 401:
            return Refused(
                "krt web does not know this caller any more (401)", status=401, claims=claims, date=answer.date
            )
        case 404:
            said = "krt web keeps no report of this event, or another krt web is there"
            return Lost(f"{answer.url} answered 404: {said}")
        case status if status in (408, 429) or status >= 500:
            return _not_yet(answer, not_taken=False)
        case status if status < 400:
            return Lost(_not_krt(answer))
        case status:
            said = _said_of(answer)
            who, why = ("krt web", said) if said else (unsaid.who(answer), unsaid.causes(answer))
            return Refused(f"{who} refused to show the report ({status}){why}", status)


def _accepted(answer: Answer, server: KrtServer) -> Accepted | Refused:
    receipt = answer.document(_Receipt) or _Receipt()
    try:
        its_id = str(event_id.parse(receipt.id))
    except ValueError:
        if unsaid.is_own(answer) or not answer.body.strip():  # the Go peer's 202 is empty
            return Accepted(event_id=None, status_url=None)
        return Refused(f"{unsaid.who(answer)} answered 202, without a receipt{unsaid.causes(answer)}", status=202)
    return Accepted(event_id=its_id, status_url=server.status_url(its_id))


def _not_yet(answer: Answer, *, not_taken: bool) -> NotYet:
    said = _said_of(answer)
    if said:
        return NotYet(f"krt web answered {answer.status}{said}", answer.wait_seconds, not_taken)
    sentence = f"{unsaid.who(answer)} answered {answer.status}"
    return NotYet(sentence, answer.wait_seconds, not_taken, unsaid.causes(answer))


def _not_krt(answer: Answer) -> str:
    if answer.location:
        there = f"to {shown(answer.location)}: krt sends no token to another URL, so use the final one"
        return f"{answer.url} redirects ({answer.status}) {there}"
    portal = " Or is it a proxy's page, or a captive portal's?" if answer.status == 200 else ""
    return f"{answer.url} answered {answer.status}: is krt web there?{portal}"


def _refused(answer: Answer) -> Refused:
    problem = answer.document(_Problem) or _Problem()
    if said := _said(problem):
        return Refused(f"krt web refused the event ({answer.status}){said}", answer.status, problem.field)
    return Refused(f"{unsaid.who(answer)} refused the event ({answer.status}){unsaid.causes(answer)}", answer.status)


def _said_of(answer: Answer) -> str:
    return _said(answer.document(_Problem) or _Problem())


def _said(problem: _Problem) -> str:
    said = problem.detail or problem.title
    return f": {said}" if said else ""
