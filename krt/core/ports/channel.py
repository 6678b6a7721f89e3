"""The signals of the subscription to the channel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscription holds: every message published from now on arrives. Earlier ones may have been missed."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """A message that somebody published on the channel."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """There is no subscription, so no message arrives; `problem` says why.

    Until the next Subscribed it is sent again only if the problem has changed. The implementation keeps trying to
    subscribe.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Somebody published a message of `size` bytes, more than any event has. It was dropped."""

    size: int


Signal = Subscribed | ChannelMessage | TooLarge | Unsubscribed
