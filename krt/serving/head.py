"""Judges the bytes of a request's head before h11 sees them; no I/O and no clock.

h11 forgives what a proxy in front may read otherwise: bare line feeds, folded lines, HTTP/9.9, two
framings at once. What is not exactly RFC 9112 is refused here. What is HTTP/1.1 and no business of h11's is taken out:
an empty line before the request line (RFC 9112, 2.2), the host of an absolute target (3.2.2), offers to upgrade (RFC
9110, 7.8) and the expectation of a 100, which krt.serving.hardened answers (10.1.1).
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

from krt.serving.denial import Denial

Fields = tuple[tuple[bytes, bytes], ...]

_LINE_END = b"\r\n"
_END = 2 * _LINE_END
_MAX_TARGET_BYTES = 8 * 1024
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(?P<method>%b) (?P<target>[\x21-\x7e]+) HTTP/(?P<version>[0-9](?:\.[0-9])?)" % _TOKEN)
_ABSOLUTE = re.compile(rb"https?://(?P<host>[^/?]+)(?P<rest>[/?].*)?", re.IGNORECASE)
_METHOD = re.compile(rb"[A-Z]{1,20}")
_METHODS_REFUSED = frozenset({b"CONNECT", b"TRACE", b"TRACK"})
_FIELD = re.compile(rb"(?P<name>%b):[\t ]*(?P<value>[\t\x20-\x7e\x80-\xff]*)" % _TOKEN)
_TAKEN_OUT = frozenset({b"upgrade", b"expect"})
_LENGTH = re.compile(rb"[0-9]{1,18}")
_LABEL = rb"[0-9A-Za-z_-]{1,63}"  # RFC 1035; of any other, Werkzeug raises BadHost outside its own error handling
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:%b(?:\.%b)*\.?)?)(?::[0-9]{0,5})?" % (_LABEL, _LABEL))
# What no line can hold is refused as it comes: a TLS client would otherwise wait out the header time.
_BROKEN_LINE = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadHeadError(Exception):
    """Is answered with `status`, an empty body and the end of the connection. `fields` where they could be read."""

    def __init__(self, status: int, reason: Denial) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.fields: Fields = ()


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """`max_bytes` in total, `max_line_bytes` each, `max_fields` header lines."""

    max_bytes: int
    max_line_bytes: int
    max_fields: int


@dataclass(frozen=True, slots=True)
class Head:
    """One that is in order. Names of fields are in lower case, values without white space around them.

    `target` begins with a slash. `awaits_continue`: its sender waits for a 100 before it sends a body.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: Fields
    awaits_continue: bool = False

    @property
    def names(self) -> set[bytes]:
        return {name for name, _ in self.fields}

    def for_h11(self) -> bytes:
        """The head with its empty line, without what is taken out."""
        fields = (b"%b: %b" % field for field in self.fields if field[0] not in _TAKEN_OUT)
        return b"\r\n".join([b"%b %b HTTP/%b" % (self.method, self.target, self.version), *fields]) + _END


class HeadReader:
    """Collects the bytes of one head. `head` is what they said, once it is whole."""

    __slots__ = ("_has_begun", "_limits", "_received", "given_up", "head")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._received = b""
        self._has_begun = False
        self.head: Head | None = None
        self.given_up = False

    @property
    def started(self) -> bool:
        return bool(self._received)

    @property
    def size_bytes(self) -> int:
        """How much was received so far."""
        return len(self._received)

    def give_up(self) -> None:
        """Forgets what was received, at once: a crowd of those that are given up must not wait for their turn to."""
        self._received, self.given_up = b"", True

    def feed(self, data: bytes) -> bytes | None:
        """Gives what h11 is to read of everything received, once that holds a whole and acceptable head.

        Raises BadHeadError.
        """
        if self.given_up:
            return None  # what comes after what was forgotten is no head
        seen = max(len(self._received) - len(_END), 0)
        self._received += data
        if not self._has_begun:
            self._begin()
        end = self._received.find(_END, seen)
        head = self._received if end < 0 else self._received[: end + len(_END)]
        if _BROKEN_LINE.search(head, seen):
            raise BadHeadError(400, Denial.HEAD_MALFORMED)
        if len(head) > self._limits.max_bytes:
            raise BadHeadError(431 if b"\r\n" in head else 414, Denial.HEAD_TOO_LARGE)
        if end < 0:
            return None
        return self._judge(head, self._received[len(head) :])

    def _begin(self) -> None:
        """Takes out one empty line before the request line, which some senders end a body with."""
        if len(self._received) < len(_LINE_END):
            return
        self._received, self._has_begun = self._received.removeprefix(_LINE_END), True

    def _judge(self, head: bytes, rest: bytes) -> bytes:
        judged = judge_head(head[: -len(_END)], self._limits)
        self.head = replace(judged, awaits_continue=False) if rest else judged  # whoever sends a body awaits nothing
        is_as_sent = head.startswith(b"%b %b " % (judged.method, judged.target)) and not _TAKEN_OUT & judged.names
        return (head if is_as_sent else judged.for_h11()) + rest


def judge_head(head: bytes, limits: HeadLimits) -> Head:
    """Judges a head without its empty line. Raises BadHeadError."""
    request_line, *lines = head.split(b"\r\n")
    method, target, version = _judge_request_line(request_line)
    if len(lines) > limits.max_fields or any(len(line) > limits.max_line_bytes for line in lines):
        raise BadHeadError(431, Denial.HEAD_TOO_LARGE)
    fields = tuple(_field(line) for line in lines)
    try:
        values = _judge_fields(fields, version)
        path = _path(target, values.get(b"host"))
    except BadHeadError as refused:
        refused.fields = fields
        raise
    return Head(method, path, version, fields, awaits_continue=version == b"1.1" and b"expect" in values)


def _judge_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parsed = _REQUEST_LINE.fullmatch(line)
    if parsed is None:
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    if parsed["version"] not in (b"1.1", b"1.0"):
        raise BadHeadError(400, Denial.NOT_HTTP_1)
    if not _METHOD.fullmatch(parsed["method"]) or parsed["method"] in _METHODS_REFUSED:
        raise BadHeadError(400, Denial.TARGET_REFUSED)
    if len(parsed["target"]) > _MAX_TARGET_BYTES:
        raise BadHeadError(414, Denial.HEAD_TOO_LARGE)
    return parsed["method"], parsed["target"], parsed["version"]


def _path(target: bytes, host: bytes | None) -> bytes:
    """The target from its path on. An absolute one must name the Host: a proxy may have gone by either of the two."""
    if target.startswith(b"/"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or host is None or absolute["host"].lower() != host.lower():  # or authority form, or asterisk
        raise BadHeadError(400, Denial.TARGET_REFUSED)
    rest = absolute["rest"] or b""
    return rest if rest.startswith(b"/") else b"/" + rest


def _field(line: bytes) -> tuple[bytes, bytes]:
    parsed = _FIELD.fullmatch(line)
    if parsed is None:  # also a folded line, and white space before the colon
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    return parsed["name"].lower(), parsed["value"].rstrip(b"\t ")


def _judge_fields(fields: Fields, version: bytes) -> dict[bytes, bytes]:
    count = Counter(name for name, _ in fields)
    values = dict(fields)
    if any(_has_another_expectation(value) for name, value in fields if name == b"expect"):
        raise BadHeadError(417, Denial.EXPECTATION)
    if count[b"host"] > 1 or (version == b"1.1" and not count[b"host"]):
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    if not _HOST.fullmatch(values.get(b"host", b"")):
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    _judge_framing(count, values, version)
    return values


def _has_another_expectation(value: bytes) -> bool:
    return any(member.strip(b"\t ").lower() not in {b"", b"100-continue"} for member in value.split(b","))


def _judge_framing(count: Counter[bytes], values: dict[bytes, bytes], version: bytes) -> None:
    lengths, codings = count[b"content-length"], count[b"transfer-encoding"]
    if (lengths and codings) or lengths > 1 or (codings and version == b"1.0"):
        raise BadHeadError(400, Denial.BODY_FRAMING)
    if lengths and not _LENGTH.fullmatch(values[b"content-length"]):
        raise BadHeadError(400, Denial.BODY_FRAMING)
    if codings > 1 or (codings and values[b"transfer-encoding"].lower() != b"chunked"):
        raise BadHeadError(501, Denial.BODY_FRAMING)
