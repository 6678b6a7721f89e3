"""Judges the bytes of a request's head before h11 sees them; no I/O and no clock.

h11 forgives what a proxy in front may read otherwise: bare line feeds, folded lines, HTTP/9.9, two
framings at once. What is not exactly RFC 9112 is refused here.
"""

import re
from collections import Counter
from dataclasses import dataclass

from krt.serving.denial import Denial

Fields = tuple[tuple[bytes, bytes], ...]

_END = b"\r\n\r\n"
_MAX_TARGET_BYTES = 8 * 1024
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(?P<method>%b) (?P<target>[\x21-\x7e]+) HTTP/(?P<version>[0-9](?:\.[0-9])?)" % _TOKEN)
_METHOD = re.compile(rb"[A-Z]{1,20}")
_METHODS_REFUSED = frozenset({b"CONNECT", b"TRACE", b"TRACK"})
_FIELD = re.compile(rb"(?P<name>%b):[\t ]*(?P<value>[\t\x20-\x7e\x80-\xff]*)" % _TOKEN)
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
    """One that is in order. Names of fields are in lower case, values without white space around them."""

    method: bytes
    target: bytes
    fields: Fields


class HeadReader:
    """Collects the bytes of one head. `head` is what they said, once it is whole."""

    __slots__ = ("_limits", "_received", "given_up", "head")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._received = b""
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
        """Gives everything received, once it holds a whole and acceptable head. Raises BadHeadError."""
        if self.given_up:
            return None  # what comes after what was forgotten is no head
        seen = max(len(self._received) - len(_END), 0)
        self._received += data
        end = self._received.find(_END, seen)
        head = self._received if end < 0 else self._received[: end + len(_END)]
        if _BROKEN_LINE.search(head, seen):
            raise BadHeadError(400, Denial.HEAD_MALFORMED)
        if len(head) > self._limits.max_bytes:
            raise BadHeadError(431 if b"\r\n" in head else 414, Denial.HEAD_TOO_LARGE)
        if end < 0:
            return None
        self.head = judge_head(head[: -len(_END)], self._limits)
        return self._received


def judge_head(head: bytes, limits: HeadLimits) -> Head:
    """Judges a head without its empty line. Raises BadHeadError."""
    request_line, *lines = head.split(b"\r\n")
    method, target, version = _judge_request_line(request_line)
    if len(lines) > limits.max_fields or any(len(line) > limits.max_line_bytes for line in lines):
        raise BadHeadError(431, Denial.HEAD_TOO_LARGE)
    fields = tuple(_field(line) for line in lines)
    try:
        _judge_fields(fields, version)
    except BadHeadError as refused:
        refused.fields = fields
        raise
    return Head(method, target, fields)


def _judge_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parsed = _REQUEST_LINE.fullmatch(line)
    if parsed is None:
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    if parsed["version"] not in (b"1.1", b"1.0"):
        raise BadHeadError(400, Denial.NOT_HTTP_1)
    if not _METHOD.fullmatch(parsed["method"]) or parsed["method"] in _METHODS_REFUSED:
        raise BadHeadError(400, Denial.TARGET_REFUSED)
    if not parsed["target"].startswith(b"/"):  # absolute, authority and asterisk forms
        raise BadHeadError(400, Denial.TARGET_REFUSED)
    if len(parsed["target"]) > _MAX_TARGET_BYTES:
        raise BadHeadError(414, Denial.HEAD_TOO_LARGE)
    return parsed["method"], parsed["target"], parsed["version"]


def _field(line: bytes) -> tuple[bytes, bytes]:
    parsed = _FIELD.fullmatch(line)
    if parsed is None:  # also a folded line, and white space before the colon
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    return parsed["name"].lower(), parsed["value"].rstrip(b"\t ")


def _judge_fields(fields: Fields, version: bytes) -> None:
    count = Counter(name for name, _ in fields)
    values = dict(fields)
    if count[b"upgrade"]:
        raise BadHeadError(400, Denial.UPGRADE)
    if count[b"expect"]:
        raise BadHeadError(417, Denial.EXPECTATION)
    if count[b"host"] > 1 or (version == b"1.1" and not count[b"host"]):
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    if not _HOST.fullmatch(values.get(b"host", b"")):
        raise BadHeadError(400, Denial.HEAD_MALFORMED)
    _judge_framing(count, values, version)


def _judge_framing(count: Counter[bytes], values: dict[bytes, bytes], version: bytes) -> None:
    lengths, codings = count[b"content-length"], count[b"transfer-encoding"]
    if (lengths and codings) or lengths > 1 or (codings and version == b"1.0"):
        raise BadHeadError(400, Denial.BODY_FRAMING)
    if lengths and not _LENGTH.fullmatch(values[b"content-length"]):
        raise BadHeadError(400, Denial.BODY_FRAMING)
    if codings > 1 or (codings and values[b"transfer-encoding"].lower() != b"chunked"):
        raise BadHeadError(501, Denial.BODY_FRAMING)
