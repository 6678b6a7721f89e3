"""Runs of krt notify's command, in this process, with pauses short enough for tests."""

import io
from dataclasses import dataclass
from typing import Any

from krt.client import command
from krt.client.address import parse_server
from krt.client.call import Announcement, RetryPatience
from krt.client.command import Notification
from krt.client.console import Console
from krt.client.follow import QuestionPace
from krt.client.token import TokenService
from krt.client.wait import Wait
from krt.core.announce import event
from tests.client.actions import REQUEST_TOKEN, Actions
from tests.fakes.pace import PATIENCE_SECONDS, slack

# Long enough for an exchange or two, so that one may be waited for to its end.
SHORT_SECONDS = round(slack(0.125), 1)

QUICK = RetryPatience(
    timeout_seconds=PATIENCE_SECONDS,
    attempt_seconds=5,
    connect_seconds=5,
    first_pause_seconds=0.01,
    longest_pause_seconds=0.02,
)
QUICK_PACE = QuestionPace(hold_seconds=5, spacing_seconds=0.01, absent_seconds=0.1, nobody_seconds=60, doubt_seconds=10)


def a_wait(**changes: Any) -> Wait:
    return Wait(**{"timeout_seconds": PATIENCE_SECONDS, "pace": QUICK_PACE, **changes})


@dataclass
class Run:
    """How a run ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        return self.out + self.err


def a_notification(actions: Actions, **changes: Any) -> Notification:
    url = changes.pop("url", actions.url)
    announced = event.build("ghcr.io/acme/shop", ["dev", "v1"])
    return Notification(
        message=Announcement(parse_server(url), announced, dry_run=changes.pop("dry_run", False)),
        service=TokenService(
            changes.pop("token_url", f"{actions.url}/token?api-version=2.0"),
            REQUEST_TOKEN,
            changes.pop("audience", "https://krt.example.com"),
        ),
        ca_file=changes.pop("ca_file", None),
        patience=changes.pop("patience", QUICK),
        wait=changes.pop("wait", None),
    )


def run(actions: Actions, *, github: bool = False, as_json: bool = False, **changes: Any) -> Run:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, github=github, as_json=as_json)
    code = command.run(a_notification(actions, **changes), console)
    return Run(code, out.getvalue(), err.getvalue())
