"""Checks the bytes of a request's head before h11 sees them; no I/O and no clock.

h11 accepts input that a proxy in front may read differently: bare line feeds, folded lines, HTTP/9.9, two framings at
once. krt refuses everything that RFC 9112 does not allow. Four valid parts are removed before h11: an empty line
before the request line (RFC 9112, 2.2), the host of an absolute target (3.2.2), Upgrade (RFC 9110, 7.8), and Expect,
which krt.serving.hardened answers (10.1.1).
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
_LABEL = rb"[0-9A-Za-z_-]{1,63}"  # for some others, Werkzeug raises BadHost outside its error handling
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:%b(?:\.%b)*\.?)?)(?::[0-9]{0,5})?" % (_LABEL, _LABEL))
# Bytes that no valid line contains are refused at once: otherwise a TLS client would wait for the head's deadline.
_BROKEN_LINE = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadHeadError(Exception):
    """The head is invalid. The answer is `status` with an empty body, and the connection closes.

    `fields` holds the header fields if they could be read; the log takes the client's address from them.
    """

    def __init__(self, status: int, reason: Denial) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.fields: Fields = ()


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """A head has at most `max_bytes`, `max_fields` header lines, and `max_line_bytes` in each of these lines."""

    max_bytes: int
    max_line_bytes: int
    max_fields: int


@dataclass(frozen=True, slots=True)
class Head:
    """A valid head. Field names are in lower case; values have no white space around them.

    `target` begins with a slash. If `awaits_continue`, the client waits for a 100 before it sends the body.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: Fields
    awaits_continue: bool = False

    @property
    def names(self) -> set[bytes]:
        """The names of all fields."""
        return {name for name, _ in self.fields}

    def for_h11(self) -> bytes:
        """The bytes for h11: the head with its empty line, without Upgrade and Expect."""
        fields = (b"%b: %b" % field for field in self.fields if field[0] not in _TAKEN_OUT)
        return b"\r\n".join([b"%b %b HTTP/%b" % (self.method, self.target, self.version), *fields]) + _END


class HeadReader:
    """Collects the bytes of one head. `head` is None until the head is complete and valid."""

    __slots__ = ("_has_begun", "_limits", "_received", "given_up", "head")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._received = b""
        self._has_begun = False
        self.head: Head | None = None
        self.given_up = False

    @property
    def started(self) -> bool:
        """Whether bytes of the head are held now. An empty line before the head does not count."""
        return bool(self._received)

    @property
    def size_bytes(self) -> int:
        """The number of bytes received so far."""
        return len(self._received)

    def give_up(self) -> None:
        """Free the bytes now. If that waited for the connection's task, many evicted heads would keep their memory."""
        self._received, self.given_up = b"", True

    def feed(self, data: bytes) -> bytes | None:
        """Add `data`. Returns the bytes for h11 once the head is complete, with the data after it; None until then.

        Raises BadHeadError.
        """
        if self.given_up:
            return None  # the beginning was discarded, so the rest is not a head
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
        """Remove one empty line before the request line: some clients send it after a body."""
        if len(self._received) < len(_LINE_END):
            return
        self._received, self._has_begun = self._received.removeprefix(_LINE_END), True

    def _judge(self, head: bytes, rest: bytes) -> bytes:
        judged = judge_head(head[: -len(_END)], self._limits)
        self.head = replace(judged, awaits_continue=False) if rest else judged  # the client has begun the body
        is_as_sent = head.startswith(b"%b %b " % (judged.method, judged.target)) and not _TAKEN_OUT & judged.names
        return (head if is_as_sent else judged.for_h11()) + rest


def judge_head(head: bytes, limits: HeadLimits) -> Head:
    """Check a head, given without its empty line. Raises BadHeadError."""
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
    """The target from its path on. The host of an absolute target must equal Host: a proxy may have used either."""
    if target.startswith(b"/"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or host is None or absolute["host"].lower() != host.lower():  # or a form such as *
        raise BadHeadError(400, Denial.TARGET_REFUSED)
    rest = absolute["rest"] or b""
    return rest if rest.startswith(b"/") else b"/" + rest


def _field(line: bytes) -> tuple[bytes, bytes]:
    parsed = _FIELD.fullmatch(line)
    if parsed is None:  # for example a folded line, or white space before the colon
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
