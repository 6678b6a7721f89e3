"""How single values are written: each function reads one form, or raises ValueError with a sentence."""

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from krt.files import FileUnusable, check_file

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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
    """Seconds of `250ms`, `5s`, `15m`, `1h` or a plain number of seconds; more than zero."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNIT_SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= 30 * 24 * 3600:
        raise ValueError("write a duration such as 5s, 15m or 1h")
    return seconds


def switch(text: str) -> bool:
    """True or false, in any of the usual words."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("write true or false")
    return word in _TRUE


def count(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds."""

    def read(text: str) -> int:
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of a few words, in any case."""
    by_folded = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in by_folded:
            raise ValueError(f"write {' or '.join(words)}")
        return by_folded[text.lower()]

    return read


def log_level(text: str) -> str:
    """One of debug, info, warning and error, in lower case; `warn` as the Go peer writes it."""
    word = {"warn": "warning"}.get(text.lower(), text.lower())
    if word not in _LOG_LEVELS:
        raise ValueError(f"write one of {', '.join(_LOG_LEVELS)}")
    return word


def channel_name(text: str) -> str:
    """A name of a PubSub channel: whatever can be seen when it is logged."""
    if not text or not text.isprintable():
        raise ValueError("write a name without control characters")
    return text


def kubernetes_name(text: str) -> str:
    """A name as Kubernetes allows for labels, in lower case."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            "write up to 63 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
        )
    return text


def host_name(text: str) -> str:
    """A name as it stands in the Host of a request, without a port, in lower case."""
    if not _HOST.fullmatch(text):
        raise ValueError("write host names such as krt.example.com, without a port")
    return text.lower()


def readable_file(text: str) -> Path:
    """A path at which a file can be read now."""
    path = Path(text)
    try:
        check_file(path, most_bytes=_MOST_FILE_BYTES)
    except FileUnusable as error:
        raise ValueError(f"the file cannot be read ({error.reason})") from error
    return path


def kubeconfig_files(text: str) -> Path:
    """A path of a kubeconfig, or of several with `os.pathsep` between them, of which some may be missing."""
    names = [name for name in text.split(os.pathsep) if name]
    if len(names) < 2 or Path(text).exists():
        return readable_file(names[0] if len(names) == 1 else text)
    found = [readable_file(name) for name in names if Path(name).exists()]
    if not found:
        raise ValueError("none of these files is there")
    return Path(text)


def authorities_file(text: str) -> Path:
    """A path of a file in PEM form whose certificates can be trusted from now on."""
    from krt.tls import client_context  # imports ssl, which `krt notify` does without until it calls

    path = readable_file(text)
    client_context(path, None, None)
    return path


def network(text: str) -> Network:
    """A network in CIDR notation, or one address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"write networks such as 10.0.0.0/8 ({error})") from error


class Listed:
    """A reader of comma-separated values, none twice; nothing given is an empty tuple."""

    nothing: tuple[Any, ...] = ()

    def __init__(self, read: Callable[[str], Any], *, least: int = 0) -> None:
        self._read = read
        self._least = least

    def __call__(self, text: str) -> tuple[Any, ...]:
        values = tuple(self._read(part.strip()) for part in text.split(",") if part.strip())
        if len(values) < self._least:
            raise ValueError(f"write {self._least} or more, separated by commas")
        if len(set(values)) != len(values):
            raise ValueError("a value stands there twice")
        return values


def stars(_: str) -> str:
    """How a secret is shown."""
    return "***"


def without_password(url: str) -> str:
    """How a URL is shown that may hold user and password."""
    found = _URL_WITH_USER.fullmatch(url)
    return f"{found[1] or ''}***@{found[2]}" if found else url


def as_proxy(url: str) -> str:
    """How the URL of a proxy is shown: without what may be secret in it, a query or fragment included."""
    return re.split("[?#]", without_password(url), maxsplit=1)[0]
