"""Makes a reason from the cluster fit for a job's log, which quotes the reason: one short line without secrets. Pure.

The API server and admission webhooks write such reasons. They quote the refused value, which may be a password in a
container's environment.
"""

import re
from collections.abc import Iterable

MOST_REASON = 300  # characters; an API server's refusal may be a page long
_MOST_READ = 8 * MOST_REASON  # characters of each part; the rest is not read

_QUOTED = r'"(?:[^"\\]|\\.)*(?:"|$)'
_HIDDEN = (
    # k8s.io/apimachinery, util/validation/field/errors.go: `PATH: Invalid value: VALUE: what is wrong with it`.
    re.compile(rf"((?:Invalid|Unsupported|Duplicate) value: )(?:{_QUOTED}|(?!: ).)+"),
    re.compile(r"()\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"),  # a JSON Web Token
    re.compile(r"(?i)(\b(?:bearer|basic) )\S{8,}"),
    re.compile(r"(://)[^/@\s]+(?=@)"),
    re.compile(rf"(?i)((?:password|passwd|secret|token|api[_-]?key)[\"']?(?:=|: ?))(?:{_QUOTED}|[^\s,;&\"]+)"),
)


def readable(*parts: str) -> str:
    """The parts that are not empty, as one line of at most MOST_REASON characters.

    Each value that looks like a secret, or that the API server has refused, is replaced by …
    """
    line = "; ".join(filter(None, map(_clean, parts)))
    return line if len(line) <= MOST_REASON else f"{line[: MOST_REASON - 1]}…"


def _clean(text: str) -> str:
    printable = "".join(_shown(text[:_MOST_READ]))
    for pattern in _HIDDEN:
        printable = pattern.sub(r"\1…", printable)
    return " ".join(printable.split())


def _shown(text: str) -> Iterable[str]:
    """The characters, with a blank for each that cannot be printed, such as a line end or a writing direction."""
    return (character if character.isprintable() else " " for character in text)
