"""Parsers for single values. Each function reads one form, or raises ValueError with one sentence."""

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from krt.files import FileUnusable, check_file
from krt.proxies import IpNetwork
from krt.secret import STARS

T = TypeVar("T")

_NUMBER = re.compile(r"[0-9]{1,12}")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_TRUE, _FALSE = {"1", "t", "true", "yes", "on"}, {"0", "f", "false", "no", "off"}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_URL_WITH_USER = re.compile(r"([a-z]+://)?.*@(.*)", re.DOTALL)
_MOST_FILE_BYTES = 16 * 1024 * 1024
_LOG_LEVELS = ("debug", "info", "warning", "error")


def duration(text: str) -> float:
    """Seconds, from `250ms`, `5s`, `15m`, `1h` or a plain number of seconds; above 0, at most 30 days."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNIT_SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= 30 * 24 * 3600:
        raise ValueError("write a duration such as 5s, 15m or 1h")
    return seconds


def switch(text: str) -> bool:
    """A boolean, from any of the usual words."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("write true or false")
    return word in _TRUE


def count(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of one of `words`, in any case. It returns the word as spelled in `words`."""
    by_folded = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in by_folded:
            raise ValueError(f"write {' or '.join(words)}")
        return by_folded[text.lower()]

    return read


def log_level(text: str) -> str:
    """One of debug, info, warning and error, in lower case. `warn`, the spelling of the Go peer, means warning."""
    word = {"warn": "warning"}.get(text.lower(), text.lower())
    if word not in _LOG_LEVELS:
        raise ValueError(f"write one of {', '.join(_LOG_LEVELS)}")
    return word


def channel_name(text: str) -> str:
    """The name of a PubSub channel: any printable text."""
    if not text or not text.isprintable():
        raise ValueError("write a name without control characters")
    return text


def kubernetes_name(text: str) -> str:
    """A name of Kubernetes, of up to 63 characters: its rule for labels, but in lower case and without `_`."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            "write up to 63 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
        )
    return text


def host_name(text: str) -> str:
    """A host name as in the Host header, without a port. Returned in lower case."""
    if not _HOST.fullmatch(text):
        raise ValueError("write host names such as krt.example.com, without a port")
    return text.lower()


def readable_file(text: str) -> Path:
    """The path of a file that can be read now. Blocks."""
    path = Path(text)
    try:
        check_file(path, most_bytes=_MOST_FILE_BYTES)
    except FileUnusable as error:
        raise ValueError(f"the file cannot be read ({error.reason})") from error
    return path


def kubeconfig_files(text: str) -> Path:
    """The path of a kubeconfig, or several paths separated by `os.pathsep`. Of several, some may be missing. Blocks."""
    names = [name for name in text.split(os.pathsep) if name]
    if len(names) < 2 or Path(text).exists():
        return readable_file(names[0] if len(names) == 1 else text)
    found = [readable_file(name) for name in names if Path(name).exists()]
    if not found:
        raise ValueError("none of these files exists")
    return Path(text)


def authorities_file(text: str) -> Path:
    """The path of a PEM file with certificates of authorities, which is loaded once to check it. Blocks."""
    from krt.tls import client_context  # krt.tls imports ssl, which `krt notify` needs only once it calls

    path = readable_file(text)
    client_context(path, None, None)
    return path


def network(text: str) -> IpNetwork:
    """A network in CIDR notation, or one address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"write networks such as 10.0.0.0/8 ({error})") from error


class Listed:
    """A parser of comma-separated values without duplicates. `nothing` is the value of a list that is not given."""

    nothing: tuple[Any, ...] = ()

    def __init__(self, read: Callable[[str], Any], *, least: int = 0) -> None:
        self._read = read
        self._least = least

    def __call__(self, text: str) -> tuple[Any, ...]:
        values = tuple(self._read(part.strip()) for part in text.split(",") if part.strip())
        if len(values) < self._least:
            raise ValueError(f"write {self._least} or more, separated by commas")
        if len(set(values)) != len(values):
            raise ValueError("a value is listed twice")
        return values


def stars(_: str) -> str:
    """The printed form of a secret."""
    return STARS


def without_password(url: str) -> str:
    """The printed form of a URL: user and password are replaced by `***`."""
    found = _URL_WITH_USER.fullmatch(url)
    return f"{found[1] or ''}***@{found[2]}" if found else url


def as_proxy(url: str) -> str:
    """The printed form of a proxy's URL: without user, password, query and fragment, any of which may be secret."""
    return re.split("[?#]", without_password(url), maxsplit=1)[0]
