import io
import json
from signal import SIGTERM

import pytest

from krt.client.address import parse_server
from krt.client.call import Announcement, AnnouncingCall, RetryPatience
from krt.client.console import Console
from krt.client.outcome import Accepted
from krt.client.token import Tokens, TokenService
from krt.client.verdict import tell_interrupted
from krt.core.announce import event

GOES_ON = (
    "the event was accepted as 1-0 and goes on; a token of this repository opens its report for a day: "
    "https://krt.example.com/events/1-0"
)


def a_call() -> AnnouncingCall:
    message = Announcement(parse_server("https://krt.example.com"), event.build("shop:dev", None), dry_run=False)
    service = TokenService("https://tokens.example.com/?a=b", "secret", "https://krt.example.com")
    return AnnouncingCall(message, Tokens(service, seconds=1, on_token=lambda _: None), RetryPatience(), lambda _: None)


@pytest.mark.parametrize(
    ("accepted", "perhaps_accepted", "state", "known"),
    [
        (None, False, "the event was not accepted", False),
        (None, True, "krt web has given no final answer: the event may have been accepted all the same", None),
        (
            Accepted("1-0", "https://krt.example.com/events/1-0"),
            True,
            GOES_ON,
            True,
        ),
        (Accepted(None, None), True, "the event was accepted and goes on", True),
    ],
)
def test_an_interrupt_says_whether_the_event_was_accepted(
    accepted: Accepted | None, perhaps_accepted: bool, state: str, known: bool | None
) -> None:
    call, console = a_call(), Console(io.StringIO(), io.StringIO(), as_json=True)
    call.accepted, call.perhaps_accepted = accepted, perhaps_accepted
    assert tell_interrupted(call, SIGTERM, console) == 143
    assert console.err.getvalue() == f"krt notify: interrupted by SIGTERM: {state}\n"
    assert json.loads(console.out.getvalue())["accepted"] is known


def test_a_call_shows_no_secret() -> None:
    assert "secret" not in repr(TokenService("https://tokens.example.com/", "secret", "a"))
