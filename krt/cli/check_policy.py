"""krt check-policy: tells the operator which rule admits a caller's event, or which field of which rule refuses it.

krt web tells its callers none of this. The operator can read the policy anyway.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from krt.cli.flags import add_part, given_flags
from krt.cli.roles import bad_input
from krt.core.announce import announced
from krt.core.announce.event import Event
from krt.core.caller.identity import Identity, VerifiedClaims, from_claims
from krt.core.caller.policy import Rule, branch_warnings, check, field_at_fault, rules_for
from krt.core.caller.token_times import problem_of
from krt.core.caller.who import has_drifted, names
from krt.core.strict_json import StrictJsonError, loads
from krt.errors import EventInvalid, NotAllowed, SettingsInvalid, TokenRejected
from krt.files import FileUnusable, read_file
from krt.output import tell
from krt.settings.judge import Judge, load_judge
from krt.settings.table import settings_of

ADMITTED, REFUSED = 0, 1

_MOST_BYTES = 64 * 1024
_MOST_DIGITS = 11  # in seconds since 1970
_CLAIMS = {"issuer": "iss", "expires_at": "exp"}  # fields of Identity whose claim has another name
_DERIVED = {"run_url"}  # fields of Identity that are built from other claims
_MORE_TIMES = ("iat", "nbf")  # claims that are required and not in Identity

_DESCRIPTION = (
    "Say which rule of krt web's policy admits an event, or which field of which rule refuses it. "
    "krt notify prints the claims of a refused token; the file may hold any token's payload. "
    "The token's times are checked at --at; its signature is not checked."
)
_EPILOG = "exit codes: 0 admitted; 1 refused; 2 bad input"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `check-policy` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description=_DESCRIPTION, epilog=_EPILOG)
    parser.set_defaults(run=run)
    question = parser.add_argument_group("question")
    question.add_argument("--claims", metavar="FILE", required=True, help="the claims, as a JSON object")
    question.add_argument(
        "--at",
        metavar="TIME",
        help="the time of the call, such as 2026-11-29T10:00:00Z or in seconds since 1970 (default: now)",
    )
    question.add_argument("--image", metavar="IMAGE", required=True, help="the image, such as ghcr.io/acme/shop")
    question.add_argument("--tags", metavar="TAG,TAG", help="the tags of IMAGE, if it names none")
    add_part(parser, "policy of krt web", settings_of(Judge).values())


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the verdict. Returns the exit code."""
    try:
        judge, claims, event, at = _read(args, environ)
    except SettingsInvalid as error:
        return bad_input(error)
    identity = from_claims(VerifiedClaims(claims))
    unknown = [*_unknown(judge, claims, at)]
    verdict, code = _verdict(judge, identity, event, is_known=not unknown)
    rules = (f"rule {rule.number} ({rule.who}): {_outcome(rule, identity, event)}" for rule in judge.rules())
    warnings = (f"warning: {warning}" for warning in branch_warnings(judge.rules()))
    tell(_caller(identity), *unknown, *rules, *warnings, verdict)
    return code


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Judge, Mapping[str, object], Event, float]:
    problems: list[str] = []
    judge = claims = event = at = None
    try:
        judge = load_judge(given_flags(args), environ)
    except SettingsInvalid as error:
        problems.extend(error.problems)
    try:
        claims = _claims(Path(args.claims))
    except ValueError as error:
        problems.append(f"--claims: {args.claims} {error}")
    try:
        event = announced.read(args.image, args.tags)
    except EventInvalid as error:
        problems.append(str(error))
    try:
        at = time.time() if args.at is None else _moment(args.at)
    except ValueError:
        problems.append("--at: write a time such as 2026-11-29T10:00:00Z, or seconds since 1970")
    if judge is None or claims is None or event is None or at is None:
        raise SettingsInvalid(tuple(problems))
    return judge, claims, event, at


def _moment(text: str) -> float:
    """Seconds since the epoch; a time without a zone is UTC. Raises ValueError."""
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return float(text)
    moment = datetime.fromisoformat(text)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds < 10**_MOST_DIGITS:
        raise ValueError
    return seconds


def _claims(path: Path) -> Mapping[str, object]:
    try:
        claims = loads(read_file(path, most_bytes=_MOST_BYTES).strip(), max_bytes=_MOST_BYTES)
    except FileUnusable as error:
        raise ValueError(f"cannot be read ({error.reason})") from error
    except StrictJsonError as error:
        raise ValueError(f"is not JSON that krt reads: {error.problem}") from error
    if not isinstance(claims, dict):
        raise ValueError('holds no JSON object such as {"repository": …}')  # noqa: TRY004 - a file's, not an argument's
    _check_form(claims)
    return claims


def _check_form(claims: Mapping[str, object]) -> None:
    odd = ", ".join(_odd(claims))
    if odd:
        raise ValueError(f"does not hold claims of GitHub: look at {odd}")
    try:
        from_claims(VerifiedClaims(claims))
    except TokenRejected as error:
        raise ValueError("does not hold claims of GitHub: look at their form") from error


def _odd(claims: Mapping[str, object]) -> Iterator[str]:
    for field in (field for field in fields(Identity) if field.name not in _DERIVED):
        name = _CLAIMS.get(field.name, field.name)
        wanted: type[object] = int if field.type is int else str
        if claims.get(name) is None and field.type not in {int, str}:
            continue
        if type(claims.get(name)) is not wanted:  # not isinstance: a bool is an int
            yield name
    yield from (name for name in _MORE_TIMES if type(claims.get(name)) is not int)


def _caller(identity: Identity) -> str:
    owner, repository = identity.repository_owner, identity.repository_name
    return f"caller: {owner}@{identity.repository_owner_id}/{repository}@{identity.repository_id}"


def _unknown(judge: Judge, claims: Mapping[str, object], at: float) -> Iterator[str]:
    if judge.audience and claims.get("aud") != judge.audience:
        yield f"audience: {claims.get('aud')!a} is not {judge.audience!a}"
    if claims.get("iss") != judge.issuer.url:
        yield f"issuer: {claims.get('iss')!a} is not {judge.issuer.url!a}"
    times = problem_of(claims, at)
    if times:
        yield f"times: {times.sentence}, at {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ} (--at)"
    if not rules_for(judge.rules(), from_claims(VerifiedClaims(claims))):
        yield "no rule names this caller by the ids of its owner and repository"


def _outcome(rule: Rule, identity: Identity, event: Event) -> str:
    if not names(rule.who, identity):
        return "names another caller"
    at_fault = field_at_fault(rule, identity, event)
    if at_fault is None:
        return "admits it" + (", by ids: the names in the rule are old" if has_drifted(rule.who, identity) else "")
    is_now, wanted = _compared(rule, identity, event)[at_fault]
    return f"refuses by {at_fault}: {_shown(is_now)}, not {_shown(wanted)}"


def _compared(rule: Rule, identity: Identity, event: Event) -> dict[str, tuple[object, object]]:
    return {
        "events": (identity.event_name, rule.events),
        "ref": (identity.ref, rule.ref),
        "environment": (identity.environment, rule.environment),
        "workflow": (identity.job_workflow_ref, rule.workflow),
        "runner": (identity.runner_environment, rule.runner),
        "protected": (identity.ref_protected, "true"),
        "images": (event.repository, rule.images),
        "tags": (event.tags, rule.tags),
    }


def _shown(value: object) -> str:
    match value:
        case tuple():
            return " or ".join(str(item) for item in value)
        case None | "":
            return "none"
        case _:
            return str(value)


def _verdict(judge: Judge, identity: Identity, event: Event, *, is_known: bool) -> tuple[str, int]:
    if not is_known:
        return "refused: krt web answers 401, as to every unknown caller", REFUSED
    try:
        rule = check(rules_for(judge.rules(), identity), identity, event)
    except NotAllowed as error:
        return f"refused: krt web answers 403 and names {error.field}", REFUSED
    return f"admitted by rule {rule.number}", ADMITTED
