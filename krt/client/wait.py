"""Implements `--wait`: follows the accepted event, and writes its last state to the log and the job's summary page."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import trio

from krt.client import ending, step_files, summary, verdict
from krt.client.call import Announcement, RetryPatience
from krt.client.console import Console
from krt.client.display import open_display
from krt.client.ending import Ending
from krt.client.follow import Follow, QuestionPace
from krt.client.outcome import Accepted, Followed, Lost, Refused, Unfinished
from krt.client.token import Tokens


@dataclass(frozen=True, slots=True)
class Wait:
    """The options of a wait. `timeout_seconds` bounds the whole command; `summary` is GitHub's file for the summary."""

    timeout_seconds: float = 900
    allow_no_match: bool = False
    summary: Path | None = None
    pace: QuestionPace = QuestionPace()


@dataclass(frozen=True, slots=True)
class Following:
    """The objects that the wait shares with the announcement before it."""

    message: Announcement
    patience: RetryPatience
    tokens: Tokens
    console: Console


async def to_end(wait: Wait, following: Following, accepted: Accepted, http: httpx.AsyncClient, *, began: float) -> int:
    """Follow the event and print its end. Returns the exit code. `began` is the command's start, on Trio's clock."""
    message, console = following.message, following.console
    verdict.tell_accepted(accepted, message, console)
    outcome = await _follow(wait, following, accepted, http, deadline=began + wait.timeout_seconds)
    if isinstance(outcome, Refused):
        return verdict.tell_shut_out(outcome, accepted, message, console)
    its_end = ending.of(outcome, message.event, allow_no_match=wait.allow_no_match)
    _summarise(its_end, wait, following)
    return verdict.tell_end(its_end, accepted, message, console)


async def _follow(
    wait: Wait, following: Following, accepted: Accepted, http: httpx.AsyncClient, *, deadline: float
) -> Followed | Lost | Refused | Unfinished:
    if accepted.status_url is None:
        return Lost("this server keeps no reports")
    with open_display(following.console, _title(following)) as display:
        follow = Follow(accepted.status_url, following.tokens, following.patience, wait.pace, display)
        with trio.move_on_at(deadline):
            return await follow.to_end(http)
    return Unfinished(wait.timeout_seconds, follow.report, follow.problem)


def _summarise(its_end: Ending, wait: Wait, following: Following) -> None:
    if wait.summary is None:
        return
    try:
        step_files.append(wait.summary, summary.markdown(its_end, _title(following)))
    except OSError as error:
        following.console.warn(f"no job summary was written: {error.strerror}")


def _title(following: Following) -> str:
    event = following.message.event
    return f"{event.image} ({', '.join(event.tags)})"
